"""speedrun audit ARCHIVE: for every row of an archive's record tables, what its committed logs support."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speedrun.audits.claims import Claim, Evidence, Row
from speedrun.errors import YES, UserError
from speedrun.reading.logs import printable

if TYPE_CHECKING:
    from speedrun.reading.archive import Archive

MOST_PROBLEMS = 10  # named one by one on standard error


def main(
    archive: Annotated[Path, typer.Argument(help="Folder with README.md and records/.", show_default=False)],
    track: Annotated[int | None, typer.Option(help="This track only: 1, 2 or 3.", show_default=False)] = None,
    record: Annotated[
        int | None, typer.Option(help="This record only, with all it rests on; of track 1 without --track.")
    ] = None,
    exempt: Annotated[
        Path | None, typer.Option(help="TOML list of records that need no loss statistics.", show_default="built in")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON: a list with an object a row.")] = False,
) -> int:
    """Say of each record in an archive's tables whether its logs support it, contradict it, or do not suffice.

    The loss by a one-sided t-test over the runs of the record's program, the time against the claim, both by hand
    with --record. The exit code is 0 whatever the verdicts: they are the result.

    Example: speedrun audit modded-nanogpt --record 64
    """
    from speedrun.audits.audit import audit, load_exemptions
    from speedrun.audits.record_tables import read_tables

    if not archive.is_dir():
        raise UserError(f"{printable(archive)}: no such folder; name a clone or copy of a speedrun archive")
    exemptions, tables = load_exemptions(exempt), read_tables(archive)
    claims = _chosen(archive, tables.claims, tables.problems, track, record)
    read = _read(archive)
    rows = audit(read, claims, exemptions)
    _tell([*tables.problems_of(claims), *read.problems, *_not_judged(claims, rows)])
    if as_json:
        print(json.dumps([document(row) for row in rows]))
    else:
        _show(rows, alone=record is not None)
    return YES


def _read(top: Path) -> "Archive":
    from speedrun.reading.archive import read_archive

    if not sys.stderr.isatty():
        return read_archive(top)
    from speedrun.progress import bars

    with bars() as shown:
        bar = shown.add_task("reading logs", total=None)
        return read_archive(top, progress=lambda done, total: shown.update(bar, completed=done, total=total))


def _chosen(
    archive: Path, claims: Sequence[Claim], problems: Sequence[str], track: int | None, record: int | None
) -> list[Claim]:
    """The rows asked for; UserError where there is none."""
    if not claims:
        because = f" ({problems[0]})" if problems else ""
        raise UserError(f"{printable(archive)}: no record table in README.md or records/*/README.md{because}")
    track = 1 if track is None and record is not None else track
    there = sorted({claim.track for claim in claims})
    of_track = [claim for claim in claims if track in (None, claim.track)]
    if not of_track:
        raise UserError(f"{printable(archive)} has no table of track {track}; it has {', '.join(map(str, there))}")
    chosen = [claim for claim in of_track if record in (None, claim.record)]
    if not chosen:
        last = max(claim.record for claim in of_track)
        raise UserError(f"{printable(archive)}: track {track} has no record {record}; its last is {last}")
    return chosen


def _not_judged(claims: Sequence[Claim], rows: Sequence[Row]) -> list[str]:
    missing = len(claims) - len(rows)
    return [f"rows of tracks without a known target: {missing} not judged"] if missing else []


def _tell(problems: Sequence[str]) -> None:
    for problem in problems[:MOST_PROBLEMS]:
        print(f"audit: {printable(problem)}", file=sys.stderr)
    if len(problems) > MOST_PROBLEMS:
        print(f"audit: and {len(problems) - MOST_PROBLEMS} more", file=sys.stderr)


def _show(rows: Sequence[Row], alone: bool) -> None:
    from rich.console import Console

    from speedrun.audits.audit_text import show_row, show_tables

    console = Console(highlight=False)
    if not alone:
        show_tables(console, rows)
    for i, row in enumerate(rows) if alone else ():
        if i:
            console.print()
        show_row(console, row)


def document(row: Row) -> dict[str, Any]:
    """The JSON of a row; what is not known is null."""
    claim, evidence = row.claim, row.evidence
    figure = {"steps": claim.steps} if claim.minutes is None else {"minutes": claim.minutes}
    return {
        "track": claim.track,
        "record": claim.record,
        "claimed": {
            **figure,
            "date": claim.date,
            "description": claim.description,
            "contributors": claim.contributors,
            "hardware": f"{claim.gpu_count}x{claim.hardware}" if claim.hardware else None,
            "mean": claim.mean,
            "n": claim.n,
        },
        "source": {"path": claim.readme, "line": claim.line},
        "target": row.target,
        "link": {"state": row.link.state, "path": row.link.path, "written": claim.log},
        "log": asdict(row.log) if row.log else None,
        "cohort": _cohort(evidence) if evidence else None,
        "exempt": row.exempt,
        "verdict": row.verdict,
        "reasons": list(row.reasons),
    }


def _cohort(evidence: Evidence) -> dict[str, Any]:
    return {
        "n": evidence.n,
        "mean": evidence.mean,
        "std": evidence.std,
        "p": evidence.p,
        "power": evidence.power,
        "runs_needed": evidence.runs_needed,
        "mean_minutes": evidence.mean_minutes,
        "std_minutes": evidence.std_minutes,
        "column": evidence.column,
        "runs": [
            {"path": run.path, "index": run.index, "step": run.step, "loss": run.loss, "train_time_ms": run.ms}
            for run in evidence.runs
        ],
        "left_out": list(evidence.left_out),
    }
