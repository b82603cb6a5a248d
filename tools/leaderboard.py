"""python tools/leaderboard.py ... is the same as `speedrun leaderboard ...`: see speedrun/verbs/leaderboard.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("leaderboard")
