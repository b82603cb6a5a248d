"""Runs of earlier revisions that train as the present one does: they count as its own.

    runs, former = as_present(runs, all_milestones())

A repair that no training meets (a check of a flag, say) makes another program with another sha256, and would cost all
evidence. Where milestone.toml names the earlier sha256 in trains_as, tests/test_frozen.py trains both programs and
holds them to the same losses. The board says of which milestones it counts such runs; their logs stay as they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from speedrun.milestones import Milestone
from speedrun.reading.runs import Run


def as_present(runs: Iterable[Run], milestones: Sequence[Milestone]) -> tuple[list[Run], frozenset[Path]]:
    """The runs, those of such revisions with the sha256 of the present one; and the logs that these stand in."""
    present = {(one.name, old): one.sha256 for one in milestones if one.sha256 for old in one.trains_as}
    found, former = [], set()
    for run in runs:
        sha256 = present.get((run.header.milestone, run.header.code_sha256))
        if sha256 is not None and not run.doubts:
            held = sha256 if run.program_sha256 else None  # None: the log ends before its program does
            run = replace(run, header=replace(run.header, code_sha256=sha256), program_sha256=held)
            former.add(run.path)
        found.append(run)
    return found, frozenset(former)
