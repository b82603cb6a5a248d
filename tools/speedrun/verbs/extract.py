"""speedrun extract: snapshots of programs, out of a git clone, an archive's records or one log."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speedrun.errors import NO, YES, UserError
from speedrun.reading.logs import printable

if TYPE_CHECKING:
    from speedrun.audits.claims import Claim
    from speedrun.study.snapshots import Snapshot

GOES_WITH = {"--repo": {"--path", "--rev"}, "--archive": {"--record", "--all", "--track"}, "--log": set()}


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.", show_default=False)],
    repo: Annotated[Path | None, typer.Option(help="A git clone, bare or not: takes --path and --rev.")] = None,
    rev: Annotated[str | None, typer.Option(help="Any revision of it.", show_default="HEAD")] = None,
    path: Annotated[str | None, typer.Option(help="The program's path in it.")] = None,
    archive: Annotated[Path | None, typer.Option(help="A clone of a speedrun: takes --record or --all.")] = None,
    record: Annotated[int | None, typer.Option(help="The program in this record's linked log.")] = None,
    every: Annotated[bool, typer.Option("--all", help="The program of each record, a folder each.")] = False,
    track: Annotated[int | None, typer.Option(help="Of this track.", show_default="--record: 1, --all: each")] = None,
    log: Annotated[Path | None, typer.Option(help="A run log: takes the program inside it.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files of the same names, and the rest of an earlier extract there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as JSON.")] = False,
) -> int:
    """Take programs out of a git clone, an archive's records or a log, for study. Nothing is checked out or run.

    A single program's files lie in the folder itself, those of several in a folder each, beside a provenance.json
    that says where they are from. Exit code 1 when there was no program to take.

    Example: speedrun extract --repo CLONE --rev 4a452a2 --path train_gpt2.py --to old

    Example: speedrun extract --archive CLONE --all --track 1 --to programs
    """
    from speedrun.study import snapshot_files, snapshots

    sources = {"--repo": repo, "--archive": archive, "--log": log}
    details = {"--rev": rev, "--path": path, "--record": record, "--all": every or None, "--track": track}
    _check_call(*({name for name, value in given.items() if value is not None} for given in (sources, details)))
    if repo is not None:
        found, left_out = {to: snapshots.from_git(repo, rev or "HEAD", path or "")}, []
    elif log is not None:
        found, left_out = _of_log(log, to)
    else:
        found, left_out = _of_archive(archive or Path(), record, track, to)
    for line in left_out:
        print(f"extract: {line}", file=sys.stderr)
    written = snapshot_files.write(found, force)
    if as_json:
        documents = [{"folder": printable(folder)} | document for folder, document in written.items()]
        print(json.dumps({"snapshots": documents, "left_out": left_out}))
    else:
        _show(written, bool(left_out))
    return YES if found else NO


def _check_call(sources: set[str], details: set[str]) -> None:
    if len(sources) != 1:
        raise UserError("name one source: --repo CLONE, --archive CLONE or --log FILE; see speedrun extract --help")
    (source,) = sources
    for detail in sorted(details - GOES_WITH[source]):
        right = next(name for name, allowed in GOES_WITH.items() if detail in allowed)
        raise UserError(f"{detail} goes with {right}, not with {source}")
    if source == "--repo" and "--path" not in details:
        raise UserError("--repo needs --path: the program's path in the clone, such as train_gpt2.py")
    if source == "--archive" and len(details & {"--record", "--all"}) != 1:
        raise UserError("--archive needs either --record N or --all")


def _of_log(log: Path, to: Path) -> "tuple[dict[Path, Snapshot], list[str]]":
    from speedrun.study.snapshots import NoProgram, from_log

    try:
        return {to: from_log(log)}, []
    except NoProgram as error:
        return {}, [str(error)]


def _of_archive(
    archive: Path, record: int | None, track: int | None, to: Path
) -> "tuple[dict[Path, Snapshot], list[str]]":
    """The snapshots by the folders that they go to, and a line for each problem."""
    from speedrun.audits.record_tables import read_tables
    from speedrun.study.snapshots import from_archive

    if not archive.is_dir():
        raise UserError(f"{printable(archive)}: no such folder (a URL is cloned first: git clone URL)")
    tables = read_tables(archive)
    claims = _asked(archive, tables.claims, record, 1 if track is None and record is not None else track)
    found, left_out = from_archive(archive, claims)
    folders = {to / name if len(claims) > 1 else to: snapshot for name, snapshot in found.items()}
    return folders, left_out if record is not None else [*tables.problems, *left_out]


def _asked(archive: Path, claims: "tuple[Claim, ...]", record: int | None, track: int | None) -> "list[Claim]":
    """The rows of that track and record; None is any."""
    if not claims:
        raise UserError(f"{printable(archive)}: its README.md holds no record table: name a clone of a speedrun")
    of_track = [claim for claim in claims if track in (None, claim.track)]
    if not of_track:
        there = ", ".join(map(str, sorted({claim.track for claim in claims})))
        raise UserError(f"{printable(archive)}: no records of track {track} (there are: {there})")
    asked = [claim for claim in of_track if record in (None, claim.record)]
    if not asked:
        numbers = [claim.record for claim in of_track]
        span = f"{min(numbers)} to {max(numbers)}"
        raise UserError(f"{printable(archive)}: track {track} has no record {record}, but {span}")
    return asked


def _show(written: dict[Path, dict[str, Any]], some_left_out: bool) -> None:
    rows = []
    for folder, document in written.items():
        files = document["files"]
        names, lines = ", ".join(file["name"] for file in files), sum(file["lines"] for file in files)
        rows.append((printable(folder), names, f"{lines:,} lines", files[0]["sha256"][:12]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)))
    if len(written) > 1:
        print(f"{len(written)} programs" + "; what was left out is named above" * some_left_out)
    if written:
        print(f"next: {_next([str(folder) for folder in written])}")


def _next(folders: list[str]) -> str:
    pair = folders[-2:] if len(folders) > 1 else ["00_baseline", *folders]
    return printable(shlex.join(["speedrun", "diff", *pair]))
