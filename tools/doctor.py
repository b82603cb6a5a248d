"""python tools/doctor.py ... is the same as `speedrun doctor ...`, which speedrun/verbs/doctor.py defines."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("doctor")
