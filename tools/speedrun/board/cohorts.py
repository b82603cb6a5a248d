"""Cohorts: runs that differ in nothing but seed and luck, and what each came to.

    for cohort in group(runs):
        print(cohort.milestone, spread(cohort.losses), reach(cohort, target=1.88, final=False).seconds)

A cohort is one milestone, program, number of planned steps, set of hyperparameters, data and hardware. Only complete
runs enter a statistic; one that diverged counts as a run that did not meet its target. Not here: a track's rules and
who is ahead (ranking.py).
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from speedrun.inference import Spread, spread
from speedrun.reading.runs import Host, Point, Run

# What may differ between runs of one cohort: who is who, and where files lie (the data is known by its sha256).
NOT_COMPARED = frozenset({"seed", "run_id", "log_file", "checkpoint", "track", "train_files", "val_files"})


@dataclass(frozen=True)
class Cohort:
    milestone: str
    code_sha256: str
    planned_steps: int
    hyperparameters: str  # JSON of those compared
    train_sha256: tuple[str, ...]
    val_sha256: tuple[str, ...]
    hardware: str
    runs: tuple[Run, ...]

    @property
    def complete(self) -> list[Run]:
        return [run for run in self.runs if run.complete]

    @property
    def diverged(self) -> list[Run]:
        """They met no target, whatever they had reached before."""
        return [run for run in self.runs if run.finished == "diverged" and not run.doubts]

    @property
    def val_tokens(self) -> int:
        """Predicted tokens of one validation that the flags ask for; 0 is all of the split."""
        value = self.fields.get("val_tokens")
        return value if isinstance(value, int) else 0

    @property
    def fields(self) -> dict[str, Any]:
        return json.loads(self.hyperparameters)

    @property
    def losses(self) -> list[float]:
        """Final losses, one value a seed: repeats of a seed are no independent evidence (a CPU repeats every bit)."""
        return list(_by_seed([(run, run.val[-1].loss) for run in self.complete]))

    @property
    def step_times(self) -> list[float]:
        """Milliseconds a step on the training clock, the mean of the whole run, one value a seed."""
        return list(_by_seed([(run, run.val[-1].ms / run.val[-1].step) for run in self.complete if run.val[-1].step]))


@dataclass(frozen=True)
class Reach:
    """How a cohort got to a target. The lucky runs alone are never averaged: no figures unless all runs met it."""

    target: float
    met: int  # runs that met it
    runs: int  # complete ones and those that diverged
    times: tuple[float, ...]  # seconds on the training clock, of the runs that met it
    steps: float | None  # mean over seeds; None unless all met it
    tokens: float | None
    seed_times: tuple[float, ...]  # as times, but one value a seed, the mean of its repeats: what a test may count
    seed_steps: tuple[float, ...]  # likewise

    @property
    def all_met(self) -> bool:
        return 0 < self.met == self.runs

    @property
    def seconds(self) -> Spread | None:
        """The mean over seeds, so that repeats of a lucky one weigh no more; the standard deviation of single runs."""
        found = spread(self.times) if self.all_met else None
        return found and found._replace(mean=statistics.fmean(self.seed_times))


def group(runs: Sequence[Run]) -> list[Cohort]:
    """The cohorts of these runs, in an order that does not depend on theirs."""
    cohorts: dict[tuple, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.header.seed, run.header.run_id, run.header.started)):
        cohorts.setdefault(identity(run), []).append(run)
    return [Cohort(*key, runs=tuple(members)) for key, members in sorted(cohorts.items())]


def identity(run: Run) -> tuple:
    """What runs of one cohort have in common: the fields of Cohort, in order, but its runs."""
    header = run.header
    compared = {name: value for name, value in header.hyperparameters.items() if name not in NOT_COMPARED}
    return (
        header.milestone,
        header.code_sha256,
        run.planned_steps or 0,
        json.dumps(compared, sort_keys=True),
        tuple(shard.sha256 for shard in header.train_data),
        tuple(shard.sha256 for shard in header.val_data),
        hardware(header.host, header.world_size),
    )


def hardware(host: Host, processes: int) -> str:
    """What the times depend on, in words: "AMD EPYC, 2 cores, 2 processes of 1 thread"."""
    gpu = [f"{host.gpu_count} × {host.gpu}"] if host.gpu else []
    cores = [_counted(host.cores, "core")] if host.cores else []
    threads = f" of {_counted(host.threads, 'thread')}" if host.threads else ""
    return ", ".join([*gpu, host.cpu or "unknown CPU", *cores, _counted(processes, "process", "processes") + threads])


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def met_at(run: Run, target: float, final: bool) -> Point | None:
    """The validation at which a run met the target; `final`: only its last validation counts."""
    return next((point for point in (run.val[-1:] if final else run.val) if point.loss <= target), None)


def reach(cohort: Cohort, target: float, final: bool) -> Reach:
    return _reach(cohort, target, [met_at(run, target, final) for run in cohort.complete])


def reach_at_end(cohort: Cohort, target: float) -> Reach:
    """Of the cohort whose own mean final loss is the target: it is there, on average, at its last validation."""
    return _reach(cohort, target, [run.val[-1] for run in cohort.complete])


def _reach(cohort: Cohort, target: float, points: Sequence[Point | None]) -> Reach:
    met = [(run, point) for run, point in zip(cohort.complete, points, strict=True) if point is not None]
    runs = len(points) + len(cohort.diverged)
    seed_steps = _by_seed([(run, point.step) for run, point in met])
    steps = statistics.fmean(seed_steps) if met and len(met) == runs else None
    return Reach(
        target=target,
        met=len(met),
        runs=runs,
        times=tuple(point.ms / 1000 for _, point in met),
        steps=steps,
        tokens=None if steps is None else steps * cohort.complete[0].header.tokens_per_step,
        seed_times=_by_seed([(run, point.ms / 1000) for run, point in met]),
        seed_steps=seed_steps,
    )


def _by_seed(values: Sequence[tuple[Run, float]]) -> tuple[float, ...]:
    seeds: dict[int, list[float]] = {}
    for run, value in values:
        seeds.setdefault(run.header.seed, []).append(value)
    return tuple(statistics.fmean(members) for members in seeds.values())
