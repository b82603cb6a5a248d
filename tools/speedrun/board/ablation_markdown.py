"""What each technique is worth alone, in words and figures: for the terminal, and for NOTES.md.

    sheet_text(sheet(ablation, "04_skip_connections"))  # a table; CAPTION says what its figures are
    block(milestone, boards)                            # all that stands between the markers of a NOTES.md

What was off, and the statistics, are told by ablations.py.
"""

from collections.abc import Sequence

from speedrun.board import figures
from speedrun.board.ablations import Ablated, Ablation, Variant, Worth, ablations, differs_by_switches_only
from speedrun.board.cohorts import Cohort
from speedrun.board.figures import NONE, NOT_MEASURED, Cell, Sheet
from speedrun.board.ladder import SHOWN
from speedrun.board.ladder_markdown import p_text, steps_spread
from speedrun.board.markdown import escape, escape_code, sheet_text
from speedrun.board.ranking import Board, Entry, Table
from speedrun.inference import Ratio, Spread, spread
from speedrun.milestones import Milestone
from speedrun.replay.plans import sessions

CAPTION = (
    "Each technique is removed alone; the other flags stay as tuned for the full program, which favours it. Mean ± "
    "standard deviation over n seeds. The difference is the mean final loss without the technique minus that of the "
    "full program, in nats a token, with a 95% confidence interval; p is of a one-sided Welch t-test that the loss is "
    f"higher (for better: lower), and it counts as shown where p < {SHOWN}, not corrected for the number of rows. Time "
    "a step is that without the technique over that of the full program."
)
TOGETHER = "Every row took turns with the full program."
APART = "Times are left out of rows that were run in another session than the full program."
UNTOLD = "The plans do not tell whether all were run in one session."


def sheet(ablation: Ablation, name: str, note: str = "") -> Sheet:
    """A row for the full program, then one for each variant, the dearest to lose first."""
    target = "target" if ablation.target is None else figures.target_text(ablation.target)
    headings = (
        "milestone", "n", "val loss", "difference", "against full program", f"steps to {target}",
        f"time to {target}", "time a step",
    )  # fmt: skip
    full = (*_start(ablation.full, Cell(name, note=note)), Cell(NONE), Cell(NONE), *_goal(ablation.full), Cell(NONE))
    worths = sorted(ablation.worths, key=lambda worth: -worth.difference.difference)
    return Sheet(headings, (full, *map(_row, worths)))


def timing(ablation: Ablation) -> str:
    if not ablation.told:
        return UNTOLD
    return TOGETHER if all(worth.timed for worth in ablation.worths) else APART


def _row(worth: Worth) -> tuple[Cell, ...]:
    off = " and ".join(worth.variant.without)
    steps, time = _goal(worth.variant)
    return (
        *_start(worth.variant, Cell(f"without {off}", short=f"−{off}")),
        _difference(worth),
        _verdict(worth),
        steps,
        time if worth.timed else Cell(NONE),
        Cell(NONE) if worth.step_time is None else _ratio(worth.step_time),
    )


def _start(variant: Variant, name: Cell) -> tuple[Cell, ...]:
    loss = figures.loss_spread(variant.loss)
    return name, Cell(str(variant.loss.n)), Cell(loss, short=loss.replace(" ± ", "±"))


def _goal(variant: Variant) -> tuple[Cell, Cell]:
    """Steps and time to the target, or how many runs met it."""
    met = variant.reach
    if met is None:
        return Cell(NONE), Cell(NONE)
    steps, time = spread(met.seed_steps), spread(met.seed_times)
    if not met.all_met or steps is None or time is None:
        missed = Cell(f"{met.met}/{met.runs} met")
        return missed, missed
    return _brief(steps_spread(steps), steps), _brief(figures.seconds_spread(time), time)


def _brief(text: str, value: Spread) -> Cell:
    return Cell(text, value.mean, short=text.replace(" ± ", "±"))


def _ratio(value: Ratio) -> Cell:
    return Cell(figures.ratio(value), value.value, short=f"{value.value:.2f}×")


def _difference(worth: Worth) -> Cell:
    found = worth.difference
    value = "0" if worth.same else signed(found.difference)
    if worth.same or found.low is None or found.high is None:
        return Cell(value, found.difference)
    return Cell(f"{value} ({signed(found.low)} to {signed(found.high)})", found.difference, short=value)


def signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.4f}"


def _verdict(worth: Worth) -> Cell:
    if worth.same:
        return Cell("the same in every run", short="the same")
    if worth.p is None:
        return Cell("no p")
    if worth.p > 1 - SHOWN:
        return Cell(f"better ({p_text(1 - worth.p)})", short=p_text(worth.p))
    shown = "worse" if worth.p < SHOWN else "not shown to be worse"
    return Cell(f"{shown} ({p_text(worth.p)})", short=p_text(worth.p))


# NOTES.md


def block(milestone: Milestone, boards: Sequence[Board]) -> str:
    """A table for each track and hardware on which the program was run with a technique off.

    The frozen program, and where that has not been, its newest former revision that has.
    """
    parts = [part for board in boards for table in board.tables for part in _table(milestone, board, table)]
    return "\n\n".join([*parts, escape(CAPTION)] if parts else [NOT_MEASURED]) + "\n"


def _table(milestone: Milestone, board: Board, table: Table) -> list[str]:
    program = _program(milestone, table)
    entries = [entry for entry in table.entries if _is(entry.cohort, milestone, program)]
    ablated = [one for one in table.ablated if _is(one.cohort, milestone, program)]
    known = sessions(run for cohort in _cohorts(entries, ablated) for run in cohort.runs)
    place = f"`{escape_code(f'records/{board.track.name}/{milestone.name}/')}`"
    parts = []
    for entry in entries:
        for ablation in ablations([entry.cohort], ablated, table.targets, board.track.target.final, known):
            said = f"{escape(board.track.name)}; {escape(table.hardware)}; logs in {place}. {timing(ablation)}"
            parts += [sheet_text(sheet(ablation, milestone.name, entry.note)), said]
    alone = [one for one in ablated if not any(differs_by_switches_only(entry.cohort, one) for entry in entries)]
    if alone:
        listed = ", ".join(" and ".join(one.without) for one in alone)
        parts.append(escape(f"On {board.track.name} without {listed}: no full runs with the same flags beside them."))
    return parts


def _program(milestone: Milestone, table: Table) -> str | None:
    """The sha256 of the revision whose ablations are shown."""
    ablated = {one.cohort.code_sha256 for one in table.ablated if one.cohort.milestone == milestone.name}
    own = [entry for entry in table.entries if entry.cohort.milestone == milestone.name]
    former = [(entry.revision, entry.cohort.code_sha256) for entry in own if entry.revision is not None]
    newest = max((one for one in former if one[1] in ablated), default=(0, milestone.sha256))
    return milestone.sha256 if milestone.sha256 in ablated else newest[1]


def _is(cohort: Cohort, milestone: Milestone, program: str | None) -> bool:
    return cohort.milestone == milestone.name and cohort.code_sha256 == program


def _cohorts(entries: Sequence[Entry], ablated: Sequence[Ablated]) -> list[Cohort]:
    return [entry.cohort for entry in entries] + [one.cohort for one in ablated]
