"""python tools/doctor.py ... is the same as `speedrun doctor ...`: see speedrun/verbs/doctor.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("doctor")
