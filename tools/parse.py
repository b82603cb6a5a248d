"""python tools/parse.py ... is the same as `speedrun parse ...`, which speedrun/verbs/parse.py defines."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("parse")
