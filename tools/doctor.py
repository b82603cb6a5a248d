"""python tools/doctor.py ...: the same as `speedrun doctor ...`; the verb is in speedrun/verbs/doctor.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("doctor")
