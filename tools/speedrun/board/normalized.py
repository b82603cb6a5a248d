"""Times across machines: an entry's mean time to the main target over that of the anchor on the same machine.

    for one in normalized(board):
        print(one.entry.label, one.hardware, one.time.value, one.n)

The anchor is the milestone that every machine runs, so its time is each machine's own unit. What that cannot take out:
a machine on which one program gains more than the other does. Nothing else of two machines is compared anywhere, and
nothing at all of different validation data. Not here: raw times (ranking.py), how it is shown (figures.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from speedrun.board.cohorts import Cohort
from speedrun.board.ranking import Board, Entry, Table
from speedrun.inference import Ratio, bootstrap_ratio
from speedrun.reading.logs import printable


@dataclass(frozen=True)
class Normalized:
    """One entry that met the main target in all its complete runs."""

    entry: Entry
    hardware: str
    time: Ratio  # over the anchor's: below 1 is faster; the anchor itself is 1, without an interval
    n: int  # seeds
    anchor_n: int


@dataclass(frozen=True)
class NotComparable:
    hardware: str
    reason: str


@dataclass(frozen=True)
class Across:
    """All that two machines or more have run on the same validation data."""

    data: str  # in words where the track leaves it open, else ""
    rows: tuple[Normalized, ...]  # the fastest against its anchor first
    left_out: tuple[NotComparable, ...]
    differing: tuple[str, ...]  # what the machines' anchors differ in, but the machine


def normalized(board: Board) -> tuple[Normalized, ...]:
    """Of one validation data after the other; by time over the anchor's within it."""
    return tuple(row for tables in _by_data(board) for row in _rows(board, tables))


def across(board: Board) -> tuple[Across, ...]:
    """A list for each validation data on which two hardware classes have entries, other than the anchors alone."""
    found = []
    for tables in _by_data(board):
        if len(tables) > 1:  # a hardware class each: see ranking.rank
            one = _across(board, tables)
            if one.left_out or any(not row.entry.is_anchor for row in one.rows):
                found.append(one)
    return tuple(found)


def _by_data(board: Board) -> list[list[Table]]:
    """The tables with entries, those of the same validation data together."""
    groups: dict[tuple[str, ...], list[Table]] = {}
    for table in board.tables:
        if table.entries:
            groups.setdefault(table.entries[0].cohort.val_sha256, []).append(table)
    return list(groups.values())


def _across(board: Board, tables: Sequence[Table]) -> Across:
    reasons = [(table.hardware, _reason(board, table)) for table in tables]
    anchors = [_anchor(table) for table in tables if _reason(board, table) is None]
    return Across(
        data=tables[0].data,
        rows=_rows(board, tables),
        left_out=tuple(NotComparable(hardware, reason) for hardware, reason in reasons if reason),
        differing=_differing([anchor.cohort for anchor in anchors if anchor]),
    )


def _rows(board: Board, tables: Sequence[Table]) -> tuple[Normalized, ...]:
    rows = [row for table in tables if _reason(board, table) is None for row in _of_table(table)]
    return tuple(sorted(rows, key=lambda row: (row.time.value, row.hardware, row.entry.label)))


def _of_table(table: Table) -> list[Normalized]:
    anchor = _anchor(table)
    assert anchor is not None  # or there is a reason
    unit = anchor.reaches[0].seed_times
    rows = []
    for entry in table.entries:
        if _timed(entry):
            own = entry.reaches[0].seed_times
            time = Ratio(1.0, None, None) if entry.is_anchor else bootstrap_ratio(own, unit)
            rows.append(Normalized(entry, table.hardware, time, len(own), len(unit)))
    return rows


def _anchor(table: Table) -> Entry | None:
    return next((entry for entry in table.entries if entry.is_anchor), None)


def _timed(entry: Entry) -> bool:
    """Whether it has a time to the main target, other than none at all: a target met before the first step."""
    return entry.reaches[0].all_met and min(entry.reaches[0].seed_times) > 0


def _reason(board: Board, table: Table) -> str | None:
    """Why nothing of a table can be divided by its anchor's time; None: it can."""
    anchor = _anchor(table)
    if anchor is None:
        return f"no ranked run of the anchor, {board.track.anchor}, there"
    reach = anchor.reaches[0]
    if not reach.all_met:
        return f"the anchor, {anchor.label}, met the target in {reach.met} of {reach.runs} runs"
    return None if _timed(anchor) else f"the anchor, {anchor.label}, met the target before its first step"


def _differing(anchors: Sequence[Cohort]) -> tuple[str, ...]:
    """What makes the anchors different trainings, a time over one of them being no time over another."""
    found: list[tuple[str, set]] = [
        ("program", {anchor.code_sha256 for anchor in anchors}),
        ("planned steps", {anchor.planned_steps for anchor in anchors}),
        ("training data", {anchor.train_sha256 for anchor in anchors}),
    ]
    fields = [anchor.fields for anchor in anchors]
    names = sorted({name for one in fields for name in one} - {"num_iterations"})
    found += [(printable(name)[:40], {repr(one.get(name)) for one in fields}) for name in names]
    return tuple(name for name, values in found if len(values) > 1)
