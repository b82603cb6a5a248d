"""python tools/parse.py ...: the same as `speedrun parse ...`; the verb is in speedrun/verbs/parse.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("parse")
