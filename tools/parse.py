"""python tools/parse.py ... is the same as `speedrun parse ...`: see speedrun/verbs/parse.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("parse")
