"""python tools/replay.py ... is the same as `speedrun replay ...`: see speedrun/verbs/replay.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("replay")
