"""speedrun leaderboard: ranks runs in the terminal, on the web page, in leaderboard.md and the other documents."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from speedrun import house
from speedrun.board.ablations import Ablated, switches
from speedrun.board.former import as_present
from speedrun.board.ladder import Rung, gain_data, ladder
from speedrun.board.normalized import Across, across
from speedrun.board.ranking import Board, Entry, Known, Table, rank
from speedrun.errors import NO, WRONG_CALL, YES, UserError
from speedrun.files import write_text
from speedrun.milestones import all_milestones
from speedrun.reading.logs import printable, read_logs
from speedrun.reading.runs import Run
from speedrun.replay.plans import damaged, revisions, sessions
from speedrun.tracks import FILE as TRACK_FILE
from speedrun.tracks import all_tracks, load_track

PAGE, ARCHIVE_PAGE = "site/leaderboard.html", "site/archive.html"
MOST = 10  # files that are left out and are named one by one
UNTOUCHED = "the documents are left as they are, since records/ is not read in full: mend or remove what is named above"


def main(
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help="records, runs, or a log or folder; may be repeated.", show_default="records"),
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="A clone of a speedrun's repository: the progress of its records instead.")
    ] = None,
    track: Annotated[str | None, typer.Option(help="This track only; leaves the documents alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; write nothing but --page.")] = False,
    page: Annotated[
        Path | None, typer.Option(help="Where the web page goes.", show_default=f"{PAGE}, {ARCHIVE_PAGE}")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 if a document is out of date.")] = False,
) -> int:
    """Rank the runs of each track by time to its target: in the terminal, in leaderboard.md, on a web page.

    From records/ as a whole it also fills what lies between markers in README.md and in each milestone's NOTES.md.
    Any other source leaves the documents alone, and so does a file in records/ that cannot be read (exit 2). --archive
    judges the rows of an archive's record tables by its logs, and writes a page of them. The page's path is the last
    line printed.

    Example: speedrun leaderboard --from runs --page site/leaderboard.html
    """
    if archive is not None:
        if source or track or check:
            raise UserError("--archive shows an archive's own tables: give it no option but --page and --json")
        from speedrun.audits.archive_report import report

        return report(archive, page or (None if as_json else house.root() / ARCHIVE_PAGE), as_json)
    sources = source or ["records"]
    whole = sources == ["records"] and track is None
    if check and (not whole or as_json or page):
        raise UserError("--check compares the documents with all of records/: give it no other option")
    boards, problems = judge(sources, track)
    for problem in [*problems[:MOST], *([f"and {len(problems) - MOST} more"] if len(problems) > MOST else [])]:
        print(f"leaderboard: {problem}", file=sys.stderr)
    if problems and not any(board.tables or board.problems for board in boards):
        return WRONG_CALL  # nothing of what was named could be ranked
    if whole and problems and not as_json:
        print(f"leaderboard: {UNTOUCHED}", file=sys.stderr)
    if check:
        return WRONG_CALL if problems else _check(boards)
    place = page or (None if as_json else house.root() / PAGE)
    if whole and not problems and not as_json:  # written before anything is shown: a reader may leave
        _write_documents(boards)
    if place:
        _write_page(place, boards)
    if as_json:
        print(json.dumps({"tracks": [_board(board) for board in boards], "problems": problems}))
        return YES
    _show(boards, sources)
    if place:
        print(house.shown(place))
    return WRONG_CALL if whole and problems else YES


def judge(sources: list[str], only: str | None) -> tuple[list[Board], list[str]]:
    """Every track's board, and a line for each file, and each unknown track, that was left out."""
    tracks = [load_track(only)] if only else all_tracks()
    if not tracks:
        raise UserError(f"no track: no {TRACK_FILE} below {house.shown(house.records())}; is this a whole clone?")
    read, problems = read_logs(_places(sources))
    problems += damaged(read)
    milestones = {milestone.name: milestone for milestone in all_milestones()}
    runs, former = as_present(read, [*milestones.values()])
    by_track: dict[str, list[Run]] = {}
    for run in runs:
        by_track.setdefault(run.header.track, []).append(run)
    frozen = {milestone.name: milestone.sha256 for milestone in milestones.values() if milestone.sha256}
    older = {key: n for key, n in revisions(runs).items() if key[0] in frozen and n < milestones[key[0]].revision}
    together, boards = sessions(runs), []
    for track in tracks:
        flags = {milestone.name: milestone.flags.get(track.name, {}) for milestone in milestones.values()}
        off = {milestone.name: switches(milestone, track.name) for milestone in milestones.values()}
        boards.append(rank(track, by_track.pop(track.name, []), Known(frozen, older, flags, off, together, former)))
    for name, strangers in by_track.items() if not only else ():
        what = f"track {name!r}, which is not below records/" if name else "no track"
        problems.append(f"{len(strangers)} run{'s' if len(strangers) > 1 else ''} of {what}: not ranked")
    return boards, problems


def _places(sources: list[str]) -> list[Path]:
    own = {"records": house.records(), "runs": house.runs()}  # of these, one that is not there yet holds no runs
    places = [own.get(source, Path(source)) for source in sources]
    for place in places:
        if place not in own.values() and not place.exists():
            raise UserError(f"{printable(place)}: no such file or folder; --from takes records, runs, a log, a folder")
    return [place for place in places if place.exists()]


def _check(boards: list[Board]) -> int:
    from speedrun.board.notes import documents

    found = documents(boards)
    old = [str(document.path.relative_to(house.root())) for document in found if document.old != document.new]
    if not old:
        print(f"up to date: {', '.join(str(document.path.relative_to(house.root())) for document in found)}")
        return YES
    print(f"{', '.join(old)}: out of date: run `speedrun leaderboard` and commit it", file=sys.stderr)
    return NO


def _show(boards: list[Board], sources: list[str]) -> None:
    from rich.console import Console

    from speedrun.board.terminal import show_boards

    if any(board.tables or board.problems for board in boards):
        show_boards(Console(highlight=False), boards)
    else:
        print(f"No runs of any track in {' '.join(map(printable, sources))} yet: speedrun replay makes some.")


def _write_documents(boards: list[Board]) -> None:
    from speedrun.board.notes import documents

    for document in documents(boards):
        if document.new != document.old:
            write_text(document.path, document.new)


def _write_page(place: Path, boards: list[Board]) -> None:
    from speedrun.board.page import render

    write_text(place, render(boards))


def _board(board: Board) -> dict[str, Any]:
    track = board.track
    return {
        "track": track.name,
        "targets": list(track.target.val_loss),
        "final": track.target.final,
        "floor": track.data.floor,
        "anchor": track.anchor,
        "tables": [_table(table) for table in board.tables],
        "across_machines": [_across(one) for one in across(board)],
        "problems": list(board.problems),
    }


def _across(one: Across) -> dict[str, Any]:
    """Times over the anchor's on the same machine."""
    return {
        "data": one.data or None,
        "rows": [
            {"label": row.entry.label, "hardware": row.hardware, "n": row.n, "anchor_n": row.anchor_n}
            | {"normalized_time": row.time._asdict()}
            for row in one.rows
        ],
        "left_out": [{"hardware": out.hardware, "reason": out.reason} for out in one.left_out],
        "anchors_differ_in": list(one.differing),
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "hardware": table.hardware,
        "data": table.data or None,
        "targets": list(table.targets),
        "unreached": list(table.unreached),
        "entries": [_entry(entry) for entry in table.entries],
        "ablated": [_ablated(one) for one in table.ablated],
        "with_runs_of_an_earlier_revision": list(table.former),
        "ladder": _ladder(table),
    }


def _ablated(one: Ablated) -> dict[str, Any]:
    runs = [run.header.run_id for run in one.cohort.complete]
    return {"milestone": one.cohort.milestone, "without": list(one.without), "runs": runs}


def _ladder(table: Table) -> dict[str, Any]:
    steps = ladder(table)
    return {
        "targets": [
            {"target": climb.target, "rungs": [_rung(rung) for rung in climb.rungs]}
            for climb in steps.climbs
            if climb.met
        ],
        "losses": [
            {
                "milestone": step.entry.label,
                "before": step.before.label,
                "difference": step.difference,
                "planned_tokens": step.tokens,
                "planned_tokens_before": step.tokens_before,
                "p": step.p,
            }
            for step in steps.descents
        ],
    }


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "milestone": rung.entry.label,
        "before": rung.before.label if rung.before else None,
        "met": rung.reach.met,
        "steps": rung.step_spread._asdict() if rung.step_spread else None,
        "seconds": rung.time_spread._asdict() if rung.time_spread else None,
        "fewer_steps": gain_data(rung.steps),
        "less_time": gain_data(rung.time),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    cohort = entry.cohort
    return {
        "rank": entry.rank,
        "milestone": cohort.milestone,
        "label": entry.label,
        "code_sha256": cohort.code_sha256,
        "frozen": entry.frozen,
        "revision": entry.revision,
        "planned_steps": cohort.planned_steps,
        "runs": [run.header.run_id for run in cohort.complete],
        "val_loss": entry.loss._asdict(),
        "above_floor": entry.above_floor,
        "targets": [
            {
                "target": reach.target,
                "met": reach.met,
                "seconds": reach.seconds._asdict() if reach.seconds else None,
                "steps": reach.steps,
                "tokens": reach.tokens,
                "speedup": gain._asdict() if gain else None,
            }
            for reach, gain in zip(entry.reaches, entry.speedups, strict=True)
        ],
    }
