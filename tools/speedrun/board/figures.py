"""A ranked table as words and figures: the same in the terminal, in Markdown and on the page.

Cells are plain text and hold names out of logs: whoever shows them escapes them for his medium.
"""

import math
from dataclasses import dataclass

from speedrun.board.cohorts import Reach
from speedrun.board.normalized import Across, Normalized
from speedrun.board.ranking import Board, Entry, Table
from speedrun.inference import Ratio, Spread

NONE = "–"
NOT_MEASURED = "Not measured yet."


@dataclass(frozen=True)
class Cell:
    text: str
    order: float | str | None = None  # what to sort by; None is last
    note: str = ""  # stands behind the text, less prominent
    short: str = ""  # instead of the text where there is little room

    @property
    def brief(self) -> str:
        return (self.short or self.text) + self._behind

    @property
    def full(self) -> str:
        return self.text + self._behind

    @property
    def _behind(self) -> str:
        return f" ({self.note})" if self.note else ""


@dataclass(frozen=True)
class Sheet:
    """Headings and rows of cells; the first two columns are rank and milestone."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def seconds(value: float) -> str:
    """At least three significant digits, in s up to ten minutes, then in min or h."""
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if unit == "h" or value < 600 * size:
            break
    return f"{_digits(value / size)} {unit}"


def _digits(value: float) -> str:
    return f"{value:,.{max(0, min(3, 2 - math.floor(math.log10(value)))) if value > 0 else 0}f}"


def seconds_spread(value: Spread) -> str:
    """ "92.3 ± 1.2 s": both in the unit and with the decimals of the mean."""
    text, unit = seconds(value.mean).split()
    if value.std is None:
        return f"{text} {unit}"
    decimals = len(text.partition(".")[2])
    return f"{text} ± {value.std / {'s': 1, 'min': 60, 'h': 3600}[unit]:.{decimals}f} {unit}"


def loss(value: float) -> str:
    return f"{value:.4f}"


def loss_spread(value: Spread) -> str:
    return loss(value.mean) + (f" ± {value.std:.4f}" if value.std is not None else "")


def target_text(value: float) -> str:
    """1.88, 1.70; a target derived from runs with four decimals."""
    return f"{value:.2f}" if round(value, 2) == value else loss(value)


def tokens(value: float) -> str:
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{_digits(value / size)}{unit}"
    return f"{value:.0f}"


def ratio(value: Ratio) -> str:
    interval = "" if value.low is None or value.high is None else f" ({value.low:.2f}–{value.high:.2f})"
    return f"{value.value:.2f}×{interval}"


def reached(reach: Reach) -> Cell:
    """Time to target; "2/3 met" when not all runs met it."""
    spread = reach.seconds
    if spread is None:
        return Cell(f"{reach.met}/{reach.runs} met")
    text = seconds_spread(spread)
    return Cell(text, spread.mean, short=text.replace(" ± ", "±"))


def runs(entry: Entry) -> str:
    """ "10 (5)": ten runs of five seeds."""
    complete, seeds = len(entry.cohort.complete), entry.loss.n
    return str(complete) if seeds == complete else f"{complete} ({seeds})"


def sheet(table: Table, floor: float | None) -> Sheet:
    """The ranking by the main target (the first); what ranks stands next to the name."""
    main = f" to {target_text(table.targets[0])}" if table.targets else ""
    repeated = any(len(entry.cohort.complete) > entry.loss.n for entry in table.entries)
    headings = ["#", "milestone", f"time{main}", "speedup", "val loss", "above floor", "tokens", "steps"]
    headings.append("runs (seeds)" if repeated else "runs")
    whole = Sheet(tuple(headings), tuple(_row(entry) for entry in table.entries))
    return without(whole, "above floor") if floor is None else whole


def without(sheet: Sheet, heading: str) -> Sheet:
    """The same but for the columns whose headings begin so, if there are any."""
    kept = [i for i, name in enumerate(sheet.headings) if not name.startswith(heading)]
    return Sheet(tuple(sheet.headings[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in sheet.rows))


def _row(entry: Entry) -> tuple[Cell, ...]:
    main = entry.reaches[0] if entry.reaches else None
    gain = entry.speedups[0] if entry.speedups else None
    final, of = loss_spread(entry.loss), f"of {entry.cohort.planned_steps:,}"
    return (
        Cell(NONE if entry.rank is None else str(entry.rank), entry.rank),
        _name(entry),
        reached(main) if main else Cell(NONE),
        Cell("anchor" if entry.is_anchor else NONE) if gain is None else _speedup(gain),
        Cell(final, entry.loss.mean, short=final.replace(" ± ", "±")),
        Cell(NONE if entry.above_floor is None else loss(entry.above_floor), entry.above_floor),
        Cell(NONE) if not main or main.tokens is None else Cell(tokens(main.tokens), main.tokens),
        Cell(of, short=NONE) if not main or main.steps is None else _steps(main.steps, of),
        Cell(runs(entry), len(entry.cohort.complete)),
    )


def _name(entry: Entry) -> Cell:
    return Cell(entry.cohort.milestone, entry.label, entry.note)


def _steps(mean: float, of: str) -> Cell:
    return Cell(f"{mean:,.0f} {of}", mean, short=f"{mean:,.0f}")


def _speedup(gain: Ratio) -> Cell:
    return Cell(ratio(gain), gain.value, short=f"{gain.value:.2f}×")


def further(table: Table) -> Sheet | None:
    """Time to each further target that anybody reached; None when there is none."""
    shown = [i for i, target in enumerate(table.targets) if i > 0 and target not in table.unreached]
    if not shown:
        return None
    headings = ["milestone", *(f"time to {target_text(table.targets[i])}" for i in shown)]
    rows = [(_name(entry), *(reached(entry.reaches[i]) for i in shown)) for entry in table.entries]
    return Sheet(tuple(headings), tuple(rows))


def remarks(board: Board, table: Table) -> list[str]:
    """What must be said of a table, a sentence each."""
    found = []
    if table.data:
        found.append(f"Validated on {table.data}.")
    if not table.targets:
        found.append(f"No target yet: it is the final loss of {board.track.anchor}, of which there is no complete run.")
    elif not board.track.target.val_loss:
        found.append(
            f"The target, {loss(table.targets[0])}, is the mean final loss of {board.track.anchor} on this data "
            f"and hardware; {board.track.anchor} itself is there, by definition, at its last validation."
        )
    if any(entry.revision is not None for entry in table.entries):
        stands_in = any(entry.revision is not None and entry.is_anchor for entry in table.entries)
        found.append(
            "A row marked revision is of an older revision of its milestone's program: it stays, and is "
            + (
                "the anchor only until the present revision has been run on this hardware."
                if stands_in
                else "neither the anchor nor a step of the ladder."
            )
        )
    if table.former:
        found.append(
            "Runs of an earlier revision that trains to the same losses, to the last digit, count as the present one's "
            f"(trains_as in milestone.toml): some of {', '.join(table.former)}."
        )
    if table.ablated:
        count = sum(len(one.cohort.complete) for one in table.ablated)
        names = ", ".join(sorted({one.cohort.milestone for one in table.ablated}))
        found.append(
            f"{count} run{'s' if count > 1 else ''} with a technique turned off: in no row; what each technique is "
            f"worth, by the runs in records/, stands in NOTES.md of {names}."
        )
    if table.unreached:
        listed = ", ".join(target_text(target) for target in table.unreached)
        found.append(f"Nobody has reached {listed} yet.")
    return found


def target_line(board: Board) -> str:
    """The track's target and floor in one sentence or two."""
    track, first = board.track, board.track.target.val_loss[:1]
    if first:
        others = ", ".join(target_text(value) for value in track.target.val_loss[1:])
        line = f"val loss ≤ {target_text(first[0])}" + (f" (further targets: {others})" if others else "")
    else:
        line = f"the mean final loss of {track.anchor} on the same data and hardware"
    if track.target.final:
        line += ", at the last validation"
    if track.data.floor is not None:
        line += f"; the floor, which no honest model can beat, is {loss(track.data.floor)}"
    return line + "."


def across(one: Across) -> Sheet:
    """Entries of several machines in one list: nothing but each one's time over its own machine's anchor's."""
    headings = ("milestone", "hardware", "time / anchor's", "n", "anchor's n")
    return Sheet(headings, tuple(_over_the_anchor(row) for row in one.rows))


def _over_the_anchor(row: Normalized) -> tuple[Cell, ...]:
    value, low, high = row.time
    interval = "" if low is None or high is None else f" ({low:.3f}–{high:.3f})"
    return (
        _name(row.entry),
        Cell(row.hardware),
        Cell("1", value, note="the anchor") if row.entry.is_anchor else Cell(f"{value:.3f}{interval}", value),
        Cell(str(row.n), row.n),
        Cell(str(row.anchor_n), row.anchor_n),
    )


def across_remarks(board: Board, one: Across) -> list[str]:
    """What the list is, and what must be said of it, a sentence or two each."""
    anchor = board.track.anchor
    found = [
        f"Mean time to the main target over that of {anchor} on the same hardware and data: below 1 is faster. The 95% "
        "interval is a bootstrap over the runs of both, three or more each; n counts seeds. Raw times of different "
        "machines are never compared."
    ]
    if one.data:
        found.append(f"Validated on {one.data}.")
    if not board.track.target.val_loss:
        found.append(f"The target on each machine is the mean final loss of its own {anchor}.")
    if one.differing:
        found.append(f"The anchors differ in more than the machine ({', '.join(one.differing)}): compare with care.")
    return found + [f"Not comparable: {table.hardware}: {table.reason}." for table in one.left_out]
