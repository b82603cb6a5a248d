"""python tools/ablate.py ... is the same as `speedrun ablate ...`: see speedrun/verbs/ablate.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("ablate")
