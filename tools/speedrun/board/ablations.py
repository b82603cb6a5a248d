"""Ablations: a milestone's runs with a technique turned off, and what each technique is worth alone.

    ablated = recognised(cohorts, {"02_modern_arch": switches(milestone, "toy-cpu")})
    for ablation in ablations(full_cohorts, ablated, targets=[1.4812], final=False, sessions={}):
        print([(worth.variant.without, worth.difference.difference, worth.p) for worth in ablation.worths])

Whether a technique was off is read from the hyperparameters in the logs, never from names of files or folders; which
flags turn it off stands in milestone.toml. Not here: running them (verbs/ablate.py), wording (ablation_markdown.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from speedrun.board.cohorts import Cohort, Reach, reach
from speedrun.inference import Comparison, Ratio, Spread, compare, speedup, spread, welch
from speedrun.milestones import Milestone
from speedrun.reading.runs import Run

Switches = Mapping[str, Mapping[str, Any]]  # technique: the flags that turn it off


class Ablated(NamedTuple):
    """A cohort with techniques off, and the flags by which it differs from the full program."""

    cohort: Cohort
    without: tuple[str, ...]
    fields: frozenset[str]


@dataclass(frozen=True)
class Variant:
    without: tuple[str, ...]  # techniques that are off; none: the full program
    cohort: Cohort
    loss: Spread  # final, nats a token, n = seeds
    reach: Reach | None  # of the target; None where there is none


@dataclass(frozen=True)
class Worth:
    """A variant against the full program."""

    variant: Variant
    difference: Comparison  # of final losses, the variant's less the full program's
    p: float | None  # one-sided, that the variant's loss is higher
    same: bool  # every seed ended with the very same loss
    step_time: Ratio | None  # the variant's over the full program's; None: not of one session
    timed: bool  # both were run in the same session, as far as the plans tell


@dataclass(frozen=True)
class Ablation:
    full: Variant
    target: float | None  # the first of the track's that the full program met in every run; else the first
    worths: tuple[Worth, ...]
    told: bool  # of every run it is known in which session it was made


def switches(milestone: Milestone, track: str) -> Switches:
    """Those that change anything on this track: a technique may be off there already."""
    stated = milestone.flags.get(track, {})
    return {
        name: flags
        for name, flags in milestone.without.items()
        if any(stated.get(field) != value for field, value in flags.items())
    }


def switched_off(cohort: Cohort, known: Switches) -> tuple[str, ...]:
    fields = cohort.fields
    return tuple(
        name for name, flags in known.items() if all(fields.get(field) == value for field, value in flags.items())
    )


def recognised(cohorts: Sequence[Cohort], known: Mapping[str, Switches]) -> list[Ablated]:
    """The cohorts with a technique off; `known`: the switches of each milestone on their track."""
    found = []
    for cohort in cohorts:
        own = known.get(cohort.milestone, {})
        if without := switched_off(cohort, own):
            found.append(Ablated(cohort, without, frozenset(field for name in without for field in own[name])))
    return found


def ablations(
    full: Sequence[Cohort],
    ablated: Sequence[Ablated],
    targets: Sequence[float],
    final: bool,
    sessions: Mapping[Path, str],
) -> list[Ablation]:
    """One for each cohort of a full program that has variants; `sessions`: of each folder of logs, where known."""
    found = []
    for cohort in full:
        own = [one for one in ablated if one.cohort.complete and differs_by_switches_only(cohort, one)]
        if own and cohort.complete:
            found.append(_ablation(cohort, own, targets, final, sessions))
    return found


def differs_by_switches_only(full: Cohort, one: Ablated) -> bool:
    """All else that a cohort has in common is the same in both: program, planned steps, other flags, data, hardware."""
    return _but_for(full, one.fields) == _but_for(one.cohort, one.fields)


def _but_for(cohort: Cohort, fields: frozenset[str]) -> Cohort:
    rest = {field: value for field, value in cohort.fields.items() if field not in fields}
    return replace(cohort, runs=(), hyperparameters=json.dumps(rest, sort_keys=True))


def _ablation(
    full: Cohort, ablated: Sequence[Ablated], targets: Sequence[float], final: bool, sessions: Mapping[Path, str]
) -> Ablation:
    """The full program's runs that took turns with the variants count, and only if there are none all of its runs.

    A machine may be faster on another day, so times of different sessions are not compared; losses are.
    """
    together = {_session(run, sessions) for one in ablated for run in one.cohort.complete}
    beside = tuple(run for run in full.complete if _session(run, sessions) in together)
    in_turns = replace(full, runs=beside or full.runs)
    first = targets[0] if targets else None
    target = next((t for t in targets if reach(in_turns, t, final).all_met), first)
    base = _variant(in_turns, (), target, final)
    variants = [_variant(one.cohort, one.without, target, final) for one in ablated]
    worths = tuple(_worth(base, variant, sessions) for variant in variants)
    folders = {run.path.parent for one in (base, *variants) for run in one.cohort.complete}
    return Ablation(base, target, worths, told=folders <= sessions.keys())


def _session(run: Run, sessions: Mapping[Path, str]) -> str | None:
    return sessions.get(run.path.parent)


def _variant(cohort: Cohort, without: tuple[str, ...], target: float | None, final: bool) -> Variant:
    loss = spread(cohort.losses)
    assert loss is not None  # only cohorts with a complete run get here
    return Variant(without, cohort, loss, None if target is None else reach(cohort, target, final))


def _worth(full: Variant, variant: Variant, sessions: Mapping[Path, str]) -> Worth:
    own, theirs = variant.cohort, full.cohort
    timed = {_session(run, sessions) for run in own.complete} <= {_session(run, sessions) for run in theirs.complete}
    return Worth(
        variant=variant,
        difference=compare(theirs.losses, own.losses),
        p=welch(own.losses, theirs.losses),
        same=own.losses == theirs.losses,
        step_time=speedup(own.step_times, theirs.step_times) if timed else None,
        timed=timed,
    )
