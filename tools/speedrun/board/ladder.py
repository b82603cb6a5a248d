"""The ladder: each frozen milestone against the one before it, on the same hardware and validation data.

    for climb in ladder(table).climbs:
        print(climb.target, [(rung.entry.cohort.milestone, rung.time.standing) for rung in climb.rungs if rung.time])

A rung is a milestone's frozen program; other programs and older revisions are none. The one before it is the nearest
milestone below that was run in the same table. Where milestones took turns in one session, its runs alone count: a
machine may be slower on another day. Where a milestone has several cohorts (other flags, other planned steps), its rung
is the one with the lowest mean time to the target in question.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from speedrun.board.cohorts import Reach
from speedrun.board.ranking import Entry, Table
from speedrun.inference import Ratio, Spread, speedup, spread, welch

SHOWN = 0.01  # p below which a difference counts as shown


@dataclass(frozen=True)
class Gain:
    """One quantity against the step before, less being better."""

    ratio: Ratio | None  # the one's before over this one's
    p: float | None  # of a one-sided Welch t-test that it is less; None: one value of either, or none that differ

    @property
    def standing(self) -> str:
        """gain, loss, none (neither is shown), same (no run differs), or unknown (no test is possible)."""
        if self.ratio is None or self.p is None:
            return "same" if self.ratio and self.ratio.value == 1 else "unknown"
        low, high = self.ratio.low, self.ratio.high
        if self.p < SHOWN and (low is None or low > 1):
            return "gain"
        return "loss" if self.p > 1 - SHOWN and (high is None or high < 1) else "none"


def gain_data(gain: Gain | None) -> dict[str, Any] | None:
    """For JSON."""
    if gain is None:
        return None
    return {"ratio": gain.ratio._asdict() if gain.ratio else None, "p": gain.p, "standing": gain.standing}


@dataclass(frozen=True)
class Rung:
    """A milestone's way to one target. n is the number of seeds: a repeat of a seed is no further evidence."""

    entry: Entry
    reach: Reach
    before: Entry | None  # the milestone before; None: this is the first
    before_met: bool
    steps: Gain | None  # None unless both met the target in all complete runs
    time: Gain | None

    @property
    def step_spread(self) -> Spread | None:
        return spread(self.reach.seed_steps) if self.reach.all_met else None

    @property
    def time_spread(self) -> Spread | None:
        return spread(self.reach.seed_times) if self.reach.all_met else None


@dataclass(frozen=True)
class Climb:
    target: float
    rungs: tuple[Rung, ...]  # in milestone order

    @property
    def met(self) -> tuple[Rung, ...]:
        return tuple(rung for rung in self.rungs if rung.reach.all_met)


@dataclass(frozen=True)
class Descent:
    """Final losses of two neighbours, each the cohort of the main target."""

    entry: Entry
    before: Entry
    difference: float  # of the mean final losses: below 0 is better
    tokens: int  # planned
    tokens_before: int
    p: float | None  # that the loss is lower; None too where more tokens alone could explain it


@dataclass(frozen=True)
class Ladder:
    climbs: tuple[Climb, ...]  # one a target
    descents: tuple[Descent, ...]


def ladder(table: Table) -> Ladder:
    names = sorted({entry.cohort.milestone for entry in table.rungs})
    ways = [[entry for entry in table.rungs if entry.cohort.milestone == name] for name in names]
    climbs = [_climb(table, [fastest(way, i) for way in ways], i) for i in range(len(table.targets))]
    steps = [fastest(way, 0) for way in ways]
    descents = [descent(entry, before) for before, entry in zip(steps, steps[1:], strict=False)]
    return Ladder(tuple(climbs), tuple(descents))


def fastest(entries: Sequence[Entry], target: int) -> Entry:
    """Of one milestone's cohorts the one with the lowest mean time to that target; if none met it, the lowest loss."""

    def place(entry: Entry) -> tuple:
        seconds = entry.reaches[target].seconds if entry.reaches else None
        return (seconds is None, seconds.mean if seconds else 0.0, entry.loss.mean, entry.label)

    return min(entries, key=place)


def planned_tokens(entry: Entry) -> int:
    return entry.cohort.planned_steps * tokens_per_step(entry)


def tokens_per_step(entry: Entry) -> int:
    return entry.cohort.complete[0].header.tokens_per_step


def rung(entry: Entry, before: Entry | None, target: int) -> Rung:
    """The entry's way to one of its table's targets, against that of the entry before."""
    own, theirs = entry.reaches[target], before.reaches[target] if before else None
    both = theirs is not None and theirs.all_met and own.all_met
    return Rung(
        entry=entry,
        reach=own,
        before=before,
        before_met=theirs is not None and theirs.all_met,
        steps=_gain(theirs.seed_steps, own.seed_steps) if theirs and both else None,
        time=_gain(theirs.seed_times, own.seed_times) if theirs and both else None,
    )


def _climb(table: Table, entries: Sequence[Entry], target: int) -> Climb:
    pairs = zip(entries, [None, *entries], strict=False)
    return Climb(table.targets[target], tuple(rung(entry, before, target) for entry, before in pairs))


def _gain(before: Sequence[float], now: Sequence[float]) -> Gain:
    return Gain(speedup(before, now), welch(before, now))


def descent(entry: Entry, before: Entry) -> Descent:
    own, theirs = entry.cohort.losses, before.cohort.losses
    tokens, tokens_before = planned_tokens(entry), planned_tokens(before)
    return Descent(
        entry=entry,
        before=before,
        difference=statistics.fmean(own) - statistics.fmean(theirs),
        tokens=tokens,
        tokens_before=tokens_before,
        p=welch(theirs, own) if tokens <= tokens_before else None,
    )
