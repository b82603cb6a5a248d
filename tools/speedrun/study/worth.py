"""Part 4 of a diff: what the change was worth, as published and as measured here.

    worth = judged(before, after, boards)
    worth.measured[0].rungs[0].time            # speedrun.board.ladder's Gain, or None

Measured are the runs of exactly these programs (by sha256) on the same hardware and validation data, by the ladder's
own rules: the way with the lowest mean time to the target stands for a program; n counts seeds.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from speedrun.board.cohorts import Cohort
from speedrun.board.ladder import SHOWN, Descent, Rung, descent, fastest, rung
from speedrun.board.ladder_markdown import p_text
from speedrun.board.ranking import Board, Entry, Table
from speedrun.milestones import Official
from speedrun.study.program_source import Program
from speedrun.tracks import Track


@dataclass(frozen=True)
class Measured:
    """Both programs in one table; None where one of them was not run there."""

    track: Track
    hardware: str
    data: str
    before: Entry | None  # the way to the main target
    after: Entry | None
    rungs: tuple[Rung, ...]  # after against before, one a target; none unless both were run
    losses: Descent | None


@dataclass(frozen=True)
class Worth:
    published: tuple[Official | None, Official | None]
    measured: tuple[Measured, ...]

    @property
    def both(self) -> tuple[Measured, ...]:
        return tuple(one for one in self.measured if one.rungs or one.losses)


def judged(before: Program, after: Program, boards: Sequence[Board]) -> Worth:
    found = [
        _measured(board.track, table, before, after)
        for board in boards
        for table in board.tables
        if any(entry.cohort.code_sha256 in (before.sha256, after.sha256) for entry in table.entries)
    ]
    official = [program.milestone.official if program.milestone else None for program in (before, after)]
    return Worth((official[0], official[1]), tuple(found))


def _measured(track: Track, table: Table, before: Program, after: Program) -> Measured:
    old, new = (_of(program, table.rungs) for program in (before, after))
    if not (old and new):  # one of them is no frozen milestone: no session holds both
        old, new = (_of(program, table.entries) for program in (before, after))
    both = bool(old and new) and before.sha256 != after.sha256
    one, other = fastest(old, 0) if old else None, fastest(new, 0) if new else None
    return Measured(
        track=track,
        hardware=table.hardware,
        data=table.data,
        before=one,
        after=other,
        rungs=tuple(rung(fastest(new, i), fastest(old, i), i) for i in range(len(table.targets))) if both else (),
        losses=descent(other, one) if both and one and other else None,
    )


def _of(program: Program, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.cohort.code_sha256 == program.sha256]


def loss_words(step: Descent) -> str:
    """Whether the final loss is lower, in words."""
    if step.tokens > step.tokens_before:
        return "trained on more tokens: no comparison"
    tokens = "the same tokens" if step.tokens == step.tokens_before else "fewer tokens"
    if step.p is None:
        return f"{tokens}, no p"
    return f"{tokens}, {'lower' if step.p < SHOWN else 'not shown to be lower'} ({p_text(step.p)})"


@dataclass(frozen=True)
class CurvePoint:
    step: int
    tokens: int
    seconds: float  # mean over runs
    loss: float  # mean over runs, nats a token
    std: float | None  # None: one run


def curve(cohort: Cohort) -> tuple[CurvePoint, ...]:
    """The mean validation loss of the complete runs, one a seed, at every step at which all of them validated."""
    runs = [next(group) for _, group in groupby(cohort.complete, key=lambda run: run.header.seed)]  # ordered by seed
    common = set.intersection(*({point.step for point in run.val} for run in runs)) if runs else set()
    points = []
    for step in sorted(common):
        at = [point for run in runs for point in run.val if point.step == step]
        losses = [point.loss for point in at]
        points.append(
            CurvePoint(
                step=step,
                tokens=step * runs[0].header.tokens_per_step,
                seconds=statistics.fmean(point.ms for point in at) / 1000,
                loss=statistics.fmean(losses),
                std=statistics.stdev(losses) if len(losses) > 1 else None,
            )
        )
    return tuple(points)
