"""python tools/replay.py ...: the same as `speedrun replay ...`; the verb is in speedrun/verbs/replay.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("replay")
