"""python tools/leaderboard.py ...: the same as `speedrun leaderboard ...`; the verb is in speedrun/verbs/leaderboard.py."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("leaderboard")
