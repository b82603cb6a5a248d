"""python tools/extract.py ... is the same as `speedrun extract ...`: see speedrun/verbs/extract.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("extract")
