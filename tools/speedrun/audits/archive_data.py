"""An archive's rows and the loss curves of their evidence as plain values for JSON, small enough for a page.

    page(rows)["rows"][0]["verdict"]        # "supported"

A curve is {"grid", "loss", "seconds"}: its validations in columns, `grid` the number of a list of steps that many runs
share. A run that is evidence for several rows is there once. What is not known is None. Text is untrusted.
"""

import math
from collections.abc import Sequence
from typing import Any

from speedrun.audits.claims import Claim, Evidence, EvidenceRun, LinkedLog, Row
from speedrun.audits.record_tokens import millions_of_tokens

# From this record of track 1 on, the last validation uses longer attention windows than those before it: its loss is
# of another evaluation, and a line to it from the one before would be no curve.
FINAL_DIFFERS_FROM = {1: 33}

Numbers = dict[tuple[str, int], int]  # the place of a run's curve, by its file and its index within


def page(rows: Sequence[Row]) -> dict[str, Any]:
    runs = {(run.path, run.index): run for row in rows if row.evidence for run in row.evidence.runs}
    numbers = {key: number for number, key in enumerate(runs)}
    grids: dict[tuple[int, ...], int] = {}
    curves = [_curve(run, grids) for run in runs.values()]
    return {
        "rows": [row_facts(row) | {"runs": _runs(row.evidence, numbers)} for row in rows],
        "runs": curves,
        "grids": [list(grid) for grid in grids],
    }


def row_facts(row: Row) -> dict[str, Any]:
    claim = row.claim
    return {
        "track": claim.track,
        "record": claim.record,
        "minutes": finite(claim.minutes),
        "steps": _steps(row),
        "tokens": millions_of_tokens(claim),
        "claims": "minutes" if claim.minutes is not None else "steps" if claim.steps is not None else None,
        "date": claim.date,
        "description": claim.description,
        "contributors": claim.contributors,
        "hardware": _hardware(claim),
        "stated": {"mean": finite(claim.mean), "n": claim.n},
        "target": finite(row.target),
        "link": {"state": str(row.link.state), "path": row.link.path, "written": claim.log},
        "log": _log(row.log),
        "evidence": _evidence(row.evidence),
        "exempt": row.exempt,
        "verdict": str(row.verdict),
        "reasons": list(row.reasons),
        "final_differs": claim.record >= FINAL_DIFFERS_FROM.get(claim.track, math.inf),
    }


def finite(value: float | None, digits: int = 6) -> float | None:
    """JSON has no infinity, and a log may hold more digits than a float."""
    return round(value, digits) if value is not None and math.isfinite(value) else None


def _steps(row: Row) -> int | None:
    """Claimed, or those that the evidence ran, or the linked log."""
    if row.claim.steps is not None:
        return row.claim.steps
    if row.evidence and row.evidence.runs:
        return row.evidence.runs[0].step
    return row.log.last_step if row.log else None


def _hardware(claim: Claim) -> str | None:
    count = f"{claim.gpu_count} × " if claim.gpu_count and claim.hardware else ""
    return f"{count}{claim.hardware}" if claim.hardware else None


def _log(log: LinkedLog | None) -> dict[str, Any] | None:
    if log is None:
        return None
    return {
        "path": log.path,
        "loss": finite(log.final_val_loss),
        "minutes": _minutes(log.train_time_ms),
        "step": log.last_step,
        "gpu": log.gpu,
        "gpu_count": log.gpu_count,
    }


def _minutes(ms: float | None) -> float | None:
    return None if ms is None else finite(ms / 60_000, 4)


def _evidence(evidence: Evidence | None) -> dict[str, Any] | None:
    if evidence is None:
        return None
    return {
        "column": evidence.column,
        "n": evidence.n,
        "mean": finite(evidence.mean),
        "std": finite(evidence.std),
        "p": finite(evidence.p, 12),
        "power": finite(evidence.power),
        "needed": evidence.runs_needed,
        "minutes": finite(evidence.mean_minutes, 4),
        "minutes_std": finite(evidence.std_minutes, 4),
        "left_out": list(evidence.left_out),
    }


def _runs(evidence: Evidence | None, numbers: Numbers) -> dict[str, list[Any]]:
    """The runs that count, in columns: which curve, and where it is judged."""
    runs: tuple[EvidenceRun, ...] = evidence.runs if evidence else ()
    return {
        "run": [numbers[run.path, run.index] for run in runs],
        "step": [run.step for run in runs],
        "loss": [finite(run.loss) for run in runs],
        "seconds": [_seconds(run.ms) for run in runs],
    }


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else finite(ms / 1000, 3)


def _curve(run: EvidenceRun, grids: dict[tuple[int, ...], int]) -> dict[str, Any]:
    val = [point for point in run.run.val if math.isfinite(point.loss)]
    seconds = [_seconds(point.ms) for point in val]
    return {
        "path": run.path,
        "index": run.index,
        "grid": grids.setdefault(tuple(point.step for point in val), len(grids)),
        "loss": [finite(point.loss) for point in val],
        "seconds": None if None in seconds else seconds,
    }
