"""What the charts of the ranking's page show, as plain values for JSON: loss curves and the ladder of one table.

    chart(board, table)["lines"][0]["runs"][0]["loss"]      # one run's losses, in nats a token

Names in here come from logs; web/page.js and web/ladder.js escape them.
"""

from typing import Any

from speedrun.board import figures
from speedrun.board.cohorts import Cohort, met_at
from speedrun.board.ladder import Climb, Gain, Rung, ladder
from speedrun.board.ladder_markdown import verdict
from speedrun.board.ranking import Board, Entry, Table

COLORS = 12  # --c0 to --c11 in web/base.css


def cohorts(table: Table) -> list[Cohort]:
    return [entry.cohort for entry in table.entries] + list(table.others)


def colors(board: Board) -> dict[str, int]:
    """One colour a milestone and note, the same in every table of a track; the anchor has the first."""
    anchor = board.track.anchor
    labels = {(e.cohort.milestone != anchor, e.label) for table in board.tables for e in table.entries}
    return {label: i for i, (_, label) in enumerate(sorted(labels))}


def climbs(table: Table) -> list[Climb]:
    """The ladders worth a chart: one for each target that two milestones met."""
    return [climb for climb in ladder(table).climbs if len(climb.met) > 1]


def chart(board: Board, table: Table) -> dict[str, Any]:
    labels = [entry.label for entry in table.entries] + [f"{cohort.milestone} (not ranked)" for cohort in table.others]
    final = board.track.target.final
    main, color = table.targets[0] if table.targets else None, colors(board)
    return {
        "targets": [[target, figures.target_text(target)] for target in table.targets],
        "floor": board.track.data.floor,
        "ladder": [_climb(climb, table, color) for climb in climbs(table)],
        "lines": [
            {
                "name": label,
                "color": f"c{color[label] % COLORS}" if number < len(table.entries) else "gray",
                "runs": _lines(cohort, main, final),
            }
            for number, (label, cohort) in enumerate(zip(labels, cohorts(table), strict=True))
        ],
    }


def _lines(cohort: Cohort, target: float | None, final: bool) -> list[dict[str, Any]]:
    """One run each, its validations in columns; met is the step at which it met the target."""
    lines = []
    for run in cohort.runs:
        met = met_at(run, target, final) if run.complete and target is not None else None
        lines.append(
            {
                "seed": run.header.seed,
                "state": run.state,
                "planned": run.planned_steps,
                "met": met.step if met else None,
                "tokens_per_step": run.header.tokens_per_step,
                "steps": [point.step for point in run.val],
                "loss": [point.loss for point in run.val],
                "seconds": [point.ms / 1000 for point in run.val],
            }
        )
    return lines


def _climb(climb: Climb, table: Table, color: dict[str, int]) -> dict[str, Any]:
    target = table.targets.index(climb.target)
    rungs = [_rung(rung, target, color[rung.entry.label]) for rung in climb.met]
    return {"label": figures.target_text(climb.target), "rungs": rungs}


def _rung(rung: Rung, target: int, color: int) -> dict[str, Any]:
    spread = rung.reach.seconds
    assert spread is not None  # only rungs that met the target are drawn
    return {
        "name": rung.entry.label,
        "color": f"c{color % COLORS}",
        "mean": spread.mean,
        "std": spread.std,
        "times": list(rung.reach.times),
        "speedup": _speedup(rung.entry, target),
        "brief": _brief(rung.entry, target),
        "gain": _gain(rung.time),
        "standing": None if rung.before is None else f"{verdict(rung)}: against {rung.before.label}",
    }


def _speedup(entry: Entry, target: int) -> str | None:
    gain = entry.speedups[target]
    return "anchor" if entry.is_anchor else figures.ratio(gain) if gain else None


def _brief(entry: Entry, target: int) -> str:
    gain = entry.speedups[target]
    return "anchor" if entry.is_anchor else f"{gain.value:.2f}×" if gain else ""


def _gain(gain: Gain | None) -> str | None:
    return figures.ratio(gain.ratio) if gain and gain.ratio else None
