"""Snapshots of programs for study: their files, and where they are from; snapshot_files.py writes them.

    from_git(Path("clone"), "4a452a2", "train_gpt2.py").files[0].text
    found, left_out = from_archive(Path("clone"), claims)

Reading only: nothing is checked out, run or imported. Names out of logs and git trees are checked before they become
files.
"""

import hashlib
import re
import stat
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from speedrun.audits.claims import Claim
from speedrun.errors import UserError
from speedrun.reading.logs import MAX_BYTES as MAX_LOG_BYTES
from speedrun.reading.logs import printable
from speedrun.reading.programs import ProgramFile, embedded, split
from speedrun.study.git_programs import MAX_BYTES, file_at

if TYPE_CHECKING:
    from speedrun.reading.archive import Archive

PROVENANCE = "provenance.json"
MAX_NAME = 200  # bytes; file systems allow 255, and a name is longer while its file is being written
MAX_SLUG = 40  # characters


class NoProgram(UserError):
    """There is no program to take; the message says why."""


@dataclass(frozen=True)
class Origin:
    """Where a program is from. What does not apply, or is not known, is None."""

    source: str  # "git", "archive", "log"
    where: str  # the clone, archive or log as it was named
    path: str | None = None  # inside it: of the program, or of its log
    revision: str | None = None  # the commit's full sha
    committed: str | None = None  # ISO 8601
    track: int | None = None
    record: int | None = None
    description: str | None = None
    date: str | None = None  # of the record
    log_sha256: str | None = None
    log_bytes: int | None = None


@dataclass(frozen=True)
class Snapshot:
    origin: Origin
    files: tuple[ProgramFile, ...]  # the main one first


def from_git(clone: Path, rev: str, path: str) -> Snapshot:
    """The file `path` at the revision."""
    found = file_at(clone, rev, path)
    name = PurePosixPath(found.path).name
    if not is_plain(name):
        raise UserError(f"--path {printable(path)!r}: a file of that name is not written")
    origin = Origin("git", printable(clone), printable(found.path), found.revision, found.committed)
    return Snapshot(origin, (ProgramFile(name, found.content),))


def from_log(log: Path) -> Snapshot:
    """The program inside a log. Raises NoProgram."""
    return _taken(log, Origin("log", printable(log)), printable(log))


def from_archive(top: Path, claims: Iterable[Claim]) -> tuple[dict[str, Snapshot], list[str]]:
    """The programs in the linked logs by a name for each, in the claims' order, and a line for each left out."""
    from speedrun.reading.archive import read_archive

    archive = read_archive(top)
    found: dict[str, Snapshot] = {}
    left_out: list[str] = []
    for claim in claims:
        try:
            found[_unused(_name(claim), found)] = _of_claim(top, archive, claim)
        except UserError as error:
            name = textwrap.shorten(claim.description, MAX_SLUG, placeholder=" ...")
            left_out.append(f"track {claim.track} record {claim.record} ({name}): {error}")
    return found, left_out


def _of_claim(top: Path, archive: "Archive", claim: Claim) -> Snapshot:
    path = _log_of(archive, claim)
    known = {"track": claim.track, "record": claim.record, "description": claim.description, "date": claim.date}
    origin = Origin("archive", printable(top), printable(path), **known)
    return _taken(top / path, origin, printable(path))


def _log_of(archive: "Archive", claim: Claim) -> str:
    """The linked log; where a folder or its README is linked, the first log of the cohort that the audit judges."""
    from speedrun.audits.record_cohorts import choose
    from speedrun.audits.record_links import find_link

    link, remark = find_link(claim, archive)
    if link.path is None:
        raise NoProgram(remark)
    if (archive.top / link.path).is_file() and not link.path.lower().endswith(".md"):
        return link.path
    members = choose(claim, archive, link.path, None).members
    if not members:
        raise NoProgram(f"{link.path}: holds no log of a complete run")
    return members[0].file.path


def _name(claim: Claim) -> str:
    """Such as track1_014_value-embeddings."""
    plain = unicodedata.normalize("NFKD", claim.description).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(slug) > MAX_SLUG:  # whole words, if more than one fits
        slug = slug[: MAX_SLUG + 1].rpartition("-")[0] or slug[:MAX_SLUG]
    return f"track{claim.track}_{claim.record:03}_{slug}".rstrip("_")


def _unused(name: str, names: Iterable[str]) -> str:
    """The name, with a number where several rows have it."""
    taken, number = set(names), 1
    while (free := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    return free


def _taken(log: Path, origin: Origin, shown: str) -> Snapshot:
    content = _content(log)
    program = embedded(content)
    if not program or not program.strip():
        raise NoProgram(f"{shown}: holds no program")
    if len(program) > MAX_BYTES:
        raise NoProgram(f"{shown}: its program has {len(program):,} bytes; a program has at most {MAX_BYTES:,}")
    files = split(program)
    if doubt := _doubt([file.name for file in files]):
        raise NoProgram(f"{shown}: {doubt}")
    return Snapshot(replace(origin, log_sha256=_sha256(content), log_bytes=len(content)), files)


def _content(path: Path) -> bytes:
    """A log's bytes, without waiting on a pipe or filling the memory."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_LOG_BYTES:
            raise UserError(f"{printable(path)}: is no regular file of at most {MAX_LOG_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{printable(path)}: {error.strerror or error}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _doubt(names: Sequence[str]) -> str | None:
    """Why these names, out of a log, do not become files; None where they can."""
    for name in names:
        if not is_plain(name):
            return f"its file name {printable(name)[:MAX_NAME]!r} is not one to write"
    if len({name.casefold() for name in names}) < len(names):
        return "two of its files have one name"
    return None


def is_plain(name: str) -> bool:
    """A name that is that of one file in the folder it is written to, on any system."""
    return (
        bool(name)
        and name == printable(name)
        and not name.startswith(".")
        and not set(name) & set('/\\:*?"<>|')
        and len(name.encode()) <= MAX_NAME
        and name.casefold() != PROVENANCE
    )
