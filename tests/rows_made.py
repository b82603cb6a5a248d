"""Rows of a record table with their evidence, made by hand for the tests of the archive's page."""

import math
import random
import statistics
from typing import Any

from speedrun.audits.claims import Claim, Evidence, EvidenceRun, Link, LinkedLog, LinkState, Row, Verdict
from speedrun.reading.logfile import LoggedRun, Val


def made_run(
    path: str, *, planned: int = 1000, every: int = 125, final: float = 3.279, clock: bool = True
) -> EvidenceRun:
    """From 11 nats down to exactly `final` at the last step, 100 ms a step."""
    steps = [*range(0, planned, every), planned]
    losses = [
        round(final + (11 - final) * (math.exp(-6 * s / planned) - math.exp(-6)) / (1 - math.exp(-6)), 4) for s in steps
    ]
    val = tuple(Val(s, loss, 100.0 * s if clock else None) for s, loss in zip(steps, losses, strict=True))
    run = LoggedRun(0, planned, planned, True, val, {}, None, ())
    return EvidenceRun(path, 0, losses[-1], val[-1].ms, planned, run)


def made_evidence(runs: tuple[EvidenceRun, ...], **changes: Any) -> Evidence:
    losses = [run.loss for run in runs]
    times = [run.ms / 60_000 for run in runs if run.ms is not None]
    several = len(runs) > 1
    fields: dict[str, Any] = {
        "runs": runs,
        "left_out": (),
        "column": "val_loss",
        "n": len(runs),
        "mean": statistics.fmean(losses) if losses else None,
        "std": statistics.stdev(losses) if several else None,
        "p": 0.0031 if several else None,
        "power": 0.81 if several else None,
        "runs_needed": 5 if several else None,
        "mean_minutes": statistics.fmean(times) if times else None,
        "std_minutes": statistics.stdev(times) if several and times else None,
    }
    return Evidence(**(fields | changes))


def made_row(
    record: int,
    *,
    track: int = 1,
    minutes: float | None = 10.0,
    steps: int | None = None,
    date: str | None = "2025-01-01",
    description: str | None = None,
    contributors: str = "@someone",
    verdict: Verdict = Verdict.SUPPORTED,
    runs: int = 3,
    planned: int = 1000,
    folder: str = "records/made",
    reasons: tuple[str, ...] = ("a reason",),
    clock: bool = True,
) -> Row:
    spread = random.Random(record)
    made = tuple(
        made_run(
            f"{folder}/{record:03}_{i}.txt",
            planned=planned,
            final=round(3.278 + spread.gauss(0, 0.001), 4),
            clock=clock,
        )
        for i in range(runs)
    )
    claim = Claim(
        track=track,
        record=record,
        minutes=minutes,
        steps=steps,
        date=date,
        description=description or f"Technique number {record}",
        contributors=contributors,
        hardware="H100" if minutes else None,
        gpu_count=8 if minutes else None,
        log=made[0].path if made else None,
    )
    log = LinkedLog(made[0].path, made[0].loss, made[0].ms, planned, "NVIDIA H100 80GB HBM3", 8) if made else None
    return Row(
        claim=claim,
        target=3.28,
        link=Link(LinkState.FOUND if made else LinkState.NONE, made[0].path if made else None),
        log=log,
        evidence=made_evidence(made) if made else None,
        exempt=None,
        verdict=verdict,
        reasons=reasons,
    )
