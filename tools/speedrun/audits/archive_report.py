"""What `speedrun leaderboard --archive` does: reads an archive, says where its tracks stand, writes the page.

    report(Path("modded-nanogpt"), page=Path("site/archive.html"), as_json=False)

It writes nothing but the page: leaderboard.md and the other documents are of records/ alone.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from speedrun import house
from speedrun.audits import archive_standing
from speedrun.audits.claims import Row
from speedrun.errors import YES, UserError
from speedrun.files import write_text
from speedrun.reading.logs import printable

MOST_PROBLEMS = 5  # in the terminal; the page has all


@dataclass(frozen=True)
class Reading:
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    runs: int  # in all of its logs


def report(top: Path, page: Path | None, as_json: bool) -> int:
    """`page`: where it goes; None: none is written."""
    reading = read(top)
    if page:  # before anything is shown: a reader may leave
        from speedrun.audits.archive_page import render

        write_text(page, render(reading.rows, reading.problems, reading.runs))
    if as_json:
        print(json.dumps(document(top, reading), allow_nan=False))
    else:
        show(reading)
        if page:
            print(house.shown(page))
    return YES


def read(top: Path) -> Reading:
    """UserError where there is no archive, or one without record tables."""
    from speedrun.audits.audit import audit, load_exemptions
    from speedrun.audits.record_tables import read_tables
    from speedrun.reading.archive import read_archive

    if not top.is_dir():
        raise UserError(f"{printable(top)}: no such folder; --archive takes a clone of a speedrun's repository")
    tables, archive = read_tables(top), read_archive(top)
    rows = audit(archive, tables.claims, load_exemptions(None))
    if not rows:
        raise UserError(f"{printable(top)}: no record table in its README.md or records/*/README.md: nothing to draw")
    runs = sum(len(file.runs) for file in archive.files)
    return Reading(rows, (*tables.problems, *archive.problems), runs)


def show(reading: Reading) -> None:
    for standing in archive_standing.standings(reading.rows):
        print(printable(archive_standing.sentence(standing)))
        print(f"  {standing.rows} rows: {archive_standing.verdict_line(standing.verdicts)}")
    for problem in reading.problems[:MOST_PROBLEMS]:
        print(f"leaderboard: {printable(problem)}", file=sys.stderr)
    if len(reading.problems) > MOST_PROBLEMS:
        print(f"leaderboard: and {len(reading.problems) - MOST_PROBLEMS} more, on the page", file=sys.stderr)


def document(top: Path, reading: Reading) -> dict:
    from speedrun.audits.archive_data import row_facts

    return {
        "archive": printable(top),
        "tracks": [archive_standing.document(standing) for standing in archive_standing.standings(reading.rows)],
        "rows": [row_facts(row) for row in reading.rows],
        "runs_read": reading.runs,
        "problems": list(reading.problems),
    }
