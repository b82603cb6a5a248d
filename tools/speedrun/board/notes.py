"""The documents made from the boards: leaderboard.md, docs/ladder.svg, parts of the READMEs and of each NOTES.md.

    for document in documents(boards):
        write_text(document.path, document.new)

What is generated stands between two markers. A README or NOTES without them is left alone. Names out of logs are
escaped.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from speedrun import house
from speedrun.board import ablation_markdown, figures, history_table, ladder_markdown, ladder_picture, markdown
from speedrun.board.figures import NONE, NOT_MEASURED, Cell, Sheet
from speedrun.board.ladder import Climb, Rung, fastest, ladder, planned_tokens
from speedrun.board.markdown import escape, escape_code, sheet_text
from speedrun.board.ranking import Board, Entry, Table
from speedrun.errors import UserError
from speedrun.milestones import LIVE, Milestone, all_milestones

MEASURED = "<!-- measured:begin -->", "<!-- measured:end -->"
ABLATION = "<!-- ablation:begin -->", "<!-- ablation:end -->"
LADDER = "<!-- ladder:begin -->", "<!-- ladder:end -->"
HISTORY = "<!-- history:begin -->", "<!-- history:end -->"

READ = "What ratios and p are, and what counts as shown: [leaderboard.md](../../leaderboard.md), before the ladders."


class Document(NamedTuple):
    path: Path
    old: str | None  # None: there is no such file yet
    new: str


def documents(boards: Sequence[Board]) -> list[Document]:
    """Each document as it stands and as it should. UserError where one has only a part of its markers."""
    path = house.root() / "leaderboard.md"
    old = _text(path)
    new = markdown.splice(markdown.NEW_FILE if old is None else old, markdown.render(boards), path.name)
    milestones = all_milestones()
    filled = [(house.root() / "README.md", LADDER, overview(milestones, boards))]
    filled += [(one.folder / "NOTES.md", MEASURED, measured(one, boards)) for one in milestones]
    filled += [(one.folder / "NOTES.md", ABLATION, ablation_markdown.block(one, boards)) for one in milestones]
    history = history_table.read_history(milestones, boards)
    filled += [(house.history() / "README.md", HISTORY, history_table.table(history))]
    found = {path: Document(path, old, new)}
    for path, markers, generated in filled:
        known = found.get(path) or Document(path, old := _text(path), old or "")  # NOTES.md has several parts
        if any(marker in known.new for marker in markers):
            found[path] = known._replace(new=markdown.splice(known.new, generated, house.shown(path), *markers))
    picture = house.root() / "docs" / "ladder.svg"
    if (old := _text(picture)) is not None:  # like the others, only where it is there already
        found[picture] = Document(picture, old, ladder_picture.draw(history))
    return list(found.values())


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else None
    except UnicodeDecodeError:
        raise UserError(f"{house.shown(path)} is not UTF-8 text: move it away and call this again") from None


def measured(milestone: Milestone, boards: Sequence[Board]) -> str:
    """A table for each hardware class: a row for each track and target, of the frozen program."""
    rows: dict[str, list[tuple[Cell, ...]]] = {}  # by hardware, as places
    places: dict[str, list[str]] = {}
    alike = " or an earlier one that trains the same" if milestone.trains_as else ""
    old, revision = False, f"revision {milestone.revision} of the program{alike}; " if milestone.revision > 1 else ""
    for board in boards:
        for table in board.tables:
            own = [entry for entry in table.entries if entry.cohort.milestone == milestone.name]
            old |= any(entry.revision is not None for entry in own)
            if any(entry.frozen for entry in own):
                rows.setdefault(table.hardware, []).extend(_rows(milestone.name, board, table))
                places.setdefault(table.hardware, []).append(f"records/{board.track.name}/{milestone.name}/")
    if not rows:
        former = f" Runs of an older revision than {milestone.revision} stand in leaderboard.md." if old else ""
        return NOT_MEASURED + former + "\n"
    parts = [part for name in sorted(rows) for part in _hardware(revision + name, rows[name], places[name])]
    if any(row[-1].text != NONE for members in rows.values() for row in members):
        parts.append(READ)
    return "\n\n".join(parts) + "\n"


def _hardware(name: str, rows: Sequence[tuple[Cell, ...]], places: Sequence[str]) -> list[str]:
    """One table and what its figures are; the comparison is left out where there is nothing to compare with."""
    headings = ["track", "n", "val loss", "target", "steps", "time", "tokens planned"]
    if any(row[-1].text != NONE for row in rows):
        headings += ["step ratio", "time ratio", "against the one before"]
    folders = ", ".join(f"`{escape_code(place)}`" for place in dict.fromkeys(places))
    said = f"Mean ± standard deviation over seeds; {escape(name)}; logs in {folders}."
    return [sheet_text(Sheet(tuple(headings), tuple(row[: len(headings)] for row in rows))), said]


def _rows(name: str, board: Board, table: Table) -> list[tuple[Cell, ...]]:
    """The targets that it met, and those that it did not and the one before it did."""
    own = [
        (climb, rung) for climb in ladder(table).climbs for rung in climb.rungs if rung.entry.cohort.milestone == name
    ]
    told = [(climb, rung) for climb, rung in own if rung.reach.all_met or rung.before_met]
    if told:
        return [_row(board, rung.entry, climb, rung) for climb, rung in told]
    return [_row(board, fastest([e for e in table.entries if e.frozen and e.cohort.milestone == name], 0), None, None)]


def _row(board: Board, entry: Entry, climb: Climb | None, rung: Rung | None) -> tuple[Cell, ...]:
    above = "" if entry.above_floor is None else f"{figures.loss(entry.above_floor)} above the floor"
    steps, time = (rung.step_spread, rung.time_spread) if rung else (None, None)
    against, missed = NONE, f"{rung.reach.met}/{rung.reach.runs} met" if rung else NONE
    if rung and rung.before:
        before, against = rung.before.cohort.milestone, ladder_markdown.verdict(rung)
        against = against if before in against else f"{before}: {against}"
    return (
        Cell(board.track.name, note=entry.note),
        Cell(str(entry.loss.n)),
        Cell(figures.loss_spread(entry.loss), note=above),
        Cell(figures.target_text(climb.target) if climb else "none met in every run"),
        Cell(ladder_markdown.steps_spread(steps) if steps else missed),
        Cell(figures.seconds_spread(time) if time else missed),
        Cell(figures.tokens(planned_tokens(entry))),
        Cell(ladder_markdown.ratio(rung.steps if rung else None)),
        Cell(ladder_markdown.ratio(rung.time if rung else None)),
        Cell(against),
    )


# README


def overview(milestones: Sequence[Milestone], boards: Sequence[Board]) -> str:
    """A row for each frozen milestone: the published time, then time and speedup on each track run without a GPU."""
    shown = [(board, table) for board in boards if (table := _cpu_table(board))]
    headings = ["milestone", "idea", "published, 8×H100"]
    headings += [f"{board.track.name}, to {figures.target_text(table.targets[0])}" for board, table in shown]
    rows = []
    for milestone in milestones:
        if milestone.name == LIVE:
            continue
        minutes = milestone.official.minutes if milestone.official else None
        own = [Cell(_time_and_speedup(milestone.name, table)) for _, table in shown]
        rows.append(
            (Cell(milestone.name), Cell(milestone.idea), Cell(NONE if minutes is None else f"{minutes:g} min"), *own)
        )
    parts = [sheet_text(Sheet(tuple(headings), tuple(rows)))]
    if shown:
        where = ", ".join(dict.fromkeys(escape(table.hardware) for _, table in shown))
        anchor = ", ".join(dict.fromkeys(escape(board.track.anchor) for board, _ in shown))
        parts.append(
            f"Measured: time to the track's target, mean ± standard deviation over seeds, and speedup over {anchor} "
            f"with its 95% confidence interval; {where}. Each step against the one before it, with tests, stands in "
            "[leaderboard.md](leaderboard.md)."
        )
    else:
        parts.append("Here the present revisions have not been measured without a GPU yet.")
    return "\n\n".join(parts) + "\n"


def _cpu_table(board: Board) -> Table | None:
    """Of the tables without a GPU, and with a target, the one of most frozen milestones."""
    found = [
        table
        for table in board.tables
        if table.targets and any(e.frozen and not e.cohort.runs[0].header.host.gpu for e in table.entries)
    ]
    return max(found, key=lambda table: len({e.cohort.milestone for e in table.entries if e.frozen}), default=None)


def _time_and_speedup(name: str, table: Table) -> str:
    own = [rung for rung in table.rungs if rung.cohort.milestone == name]
    if not own:
        return NONE
    best = fastest(own, 0)
    gain = best.speedups[0] if any(rung.is_anchor for rung in table.rungs) else None
    return figures.reached(best.reaches[0]).text + ("" if gain is None else f", {figures.ratio(gain)}")
