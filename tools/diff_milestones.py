"""python tools/diff_milestones.py ... is the same as `speedrun diff_milestones ...`: see speedrun/verbs/."""

from speedrun.cli import tool

if __name__ == "__main__":
    tool("diff_milestones")
