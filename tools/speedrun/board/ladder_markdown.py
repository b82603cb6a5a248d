"""The ladder as Markdown, for leaderboard.md, and its wording, which the notes share."""

from collections.abc import Sequence

from speedrun.board import figures
from speedrun.board.figures import NONE, Cell, Sheet
from speedrun.board.ladder import SHOWN, Climb, Descent, Gain, Ladder, Rung, ladder, tokens_per_step
from speedrun.board.ranking import Board, Table
from speedrun.inference import Spread

TEST = (
    "Ratios are of geometric means, the former milestone's over its own, with a 95% confidence interval where the runs "
    "of both differ; p is of a one-sided Welch t-test over n seeds that steps, or time, are less (for slower and more: "
    "that they are more); no p means fewer than two seeds, or none that differ. A gain counts as shown where "
    f"p < {SHOWN} and the interval, if there is one, lies above 1."
)
HOW_TO_READ = (
    "How to read the ladders: each milestone against the one before it that was run here, frozen programs of the "
    "present revision only; where milestones took turns in one session, its runs only, since a machine may be slower "
    "on another day. Both figures are of the first validation that meets the target, so they are as fine as "
    f"validations are frequent. {TEST} Of several cohorts of a milestone (other flags, other planned steps) the row is "
    "the one with the lowest mean time to that target, named by what is different (a name alone: as milestone.toml has "
    "it now); such a choice makes p a little too small."
)


def has_steps(table: Table) -> bool:
    return len({entry.cohort.milestone for entry in table.rungs}) > 1


def sheets(table: Table) -> list[Sheet]:
    """A sheet for each target that two milestones met, then one of final losses; none with fewer than two rungs."""
    steps: Ladder = ladder(table)
    if not steps.descents:
        return []
    return [*(_climb(climb) for climb in steps.climbs if len(climb.met) > 1), _descents(steps.descents)]


def remarks(table: Table) -> list[str]:
    """That steps of different sizes do not compare, where it is so."""
    sizes = {entry.cohort.milestone: tokens_per_step(entry) for entry in table.rungs}
    if len(set(sizes.values())) < 2:
        return []
    listed = ", ".join(f"{name} {size:,}" for name, size in sorted(sizes.items()))
    return [f"Steps are of different sizes, so their ratio says little: tokens a step are {listed}."]


def any_ladder(boards: Sequence[Board]) -> bool:
    return any(has_steps(table) for board in boards for table in board.tables)


def p_text(p: float) -> str:
    if p < 0.0001:
        return "p < 0.0001"
    return "p > 0.999" if p > 0.999 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}" if p < 0.99 else f"p = {p:.3f}"


def verdict(rung: Rung) -> str:
    """Against the step before, in words."""
    if rung.before is None:
        return NONE
    before = rung.before.cohort.milestone
    if not rung.reach.all_met:
        return f"not met in every run; {before} {'met it' if rung.before_met else 'neither'}"
    if rung.steps is None or rung.time is None:
        return f"{before} did not meet it in every run"
    if rung.steps.standing == rung.time.standing == "none" and rung.steps.p is not None and rung.time.p is not None:
        return f"no gain shown ({p_text(rung.steps.p)} for steps, {p_text(rung.time.p)} for time)"
    steps = _words(rung.steps, "fewer steps", "more steps", "steps")
    return f"{steps}, {_words(rung.time, 'less time', 'slower', 'time')}"


def _words(gain: Gain, better: str, worse: str, what: str) -> str:
    if gain.standing == "same":
        return f"the same {what}"
    if gain.p is None:
        return f"no p for {what}"
    if gain.standing == "none":
        return f"no gain shown in {what} ({p_text(gain.p)})"
    return f"{better} ({p_text(gain.p)})" if gain.standing == "gain" else f"{worse} ({p_text(1 - gain.p)})"


def steps_spread(value: Spread) -> str:
    return f"{value.mean:,.0f}" + (f" ± {value.std:,.0f}" if value.std is not None else "")


def ratio(gain: Gain | None) -> str:
    return figures.ratio(gain.ratio) if gain and gain.ratio else NONE


def _climb(climb: Climb) -> Sheet:
    target = figures.target_text(climb.target)
    headings = ("milestone", "n", f"steps to {target}", "ratio", f"time to {target}", "ratio", "against the one before")
    return Sheet(headings, tuple(_rung(rung) for rung in climb.rungs))


def _rung(rung: Rung) -> tuple[Cell, ...]:
    steps, time = rung.step_spread, rung.time_spread
    met = f"{rung.reach.met}/{rung.reach.runs} met"
    return (
        _name(rung),
        Cell(str(rung.entry.loss.n)),
        Cell(steps_spread(steps) if steps else met),
        Cell(ratio(rung.steps)),
        Cell(figures.seconds_spread(time) if time else met),
        Cell(ratio(rung.time)),
        Cell(verdict(rung)),
    )


def _name(row: Rung | Descent) -> Cell:
    return Cell(row.entry.cohort.milestone, note=row.entry.note)


def _descents(descents: Sequence[Descent]) -> Sheet:
    headings = ("milestone", "n", "val loss", "difference", "tokens", "before", "final loss against the one before")
    first = descents[0].before
    start = (
        Cell(first.cohort.milestone, note=first.note),
        Cell(str(first.loss.n)),
        Cell(figures.loss_spread(first.loss)),
    )
    rows = [(*start, Cell(NONE), Cell(figures.tokens(descents[0].tokens_before)), Cell(NONE), Cell(NONE))]
    for step in descents:
        rows.append(
            (
                _name(step),
                Cell(str(step.entry.loss.n)),
                Cell(figures.loss_spread(step.entry.loss)),
                Cell(f"{'−' if step.difference < 0 else '+'}{abs(step.difference):.4f}"),
                Cell(figures.tokens(step.tokens)),
                Cell(figures.tokens(step.tokens_before)),
                Cell(_lower(step)),
            )
        )
    return Sheet(headings, tuple(rows))


def _lower(step: Descent) -> str:
    if step.tokens > step.tokens_before:
        return "more tokens: no comparison"
    tokens = "fewer" if step.tokens < step.tokens_before else "the same"
    if step.p is None:
        return f"{tokens} tokens, no p"
    if step.p < SHOWN:
        return f"{tokens} tokens, lower ({p_text(step.p)})"
    if step.p > 1 - SHOWN and tokens == "the same":
        return f"the same tokens, higher ({p_text(1 - step.p)})"
    return f"{tokens} tokens, not shown to be lower ({p_text(step.p)})"
