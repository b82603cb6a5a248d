"""python tools/leaderboard.py ... is the same as `speedrun leaderboard ...`, which speedrun/verbs/leaderboard.py defines."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("leaderboard")
