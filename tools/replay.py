"""python tools/replay.py ... is the same as `speedrun replay ...`, which speedrun/verbs/replay.py defines."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("replay")
