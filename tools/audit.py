"""python tools/audit.py ... is the same as `speedrun audit ...`: see speedrun/verbs/audit.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("audit")
