"""What was read from an archive's files, kept in the user's cache folder so that only changed files are read again.

    known = load(top)                  # {relative path: Entry}
    store(top, entries)

One JSON file an archive. It is believed only if its first line is the sha256 of the rest and it was written by these
very modules; whatever else stands there is ignored, and a folder that cannot be written is no error.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from speedrun.files import whole_file
from speedrun.reading.logfile import LogFile, LoggedRun, Val

READERS = ("dialects", "log_cache", "log_headers", "log_steps", "logfile", "logs", "printable", "programs", "runs")


class Stamp(NamedTuple):
    """A file whose stamp is as it was holds what it held: ctime tells a rewrite that restored the size and mtime."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Entry(NamedTuple):
    stamp: Stamp
    file: LogFile


def stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def place(top: Path) -> Path:
    """The cache file of the archive at `top`."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    name = hashlib.sha256(os.fsencode(os.path.realpath(top))).hexdigest()[:32]
    return Path(folder, "speedrun", f"{name}.json")


def version() -> str:
    """Of the modules that read logs: a change to any of them makes all that is kept worthless."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / f"{name}.py").read_bytes() for name in READERS)).hexdigest()


def load(top: Path) -> dict[str, Entry]:
    try:
        digest, _, rest = place(top).read_bytes().partition(b"\n")
        if digest != hashlib.sha256(rest).hexdigest().encode():
            return {}
        table = json.loads(rest)
        if table["version"] != version():
            return {}
        return {name: Entry(Stamp(*kept), _file(record)) for name, (kept, record) in table["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def store(top: Path, entries: Mapping[str, Entry]) -> None:
    """Keep these entries and no others."""
    table = {"version": version(), "files": entries}
    rest = json.dumps(table, default=vars, separators=(",", ":")).encode()
    with suppress(OSError), whole_file(place(top)) as file:
        file.write(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)


def _file(record: dict[str, Any]) -> LogFile:
    record["runs"] = tuple(map(_run, record["runs"]))
    record["program_files"] = tuple(record["program_files"])
    return LogFile(**record)


def _run(record: dict[str, Any]) -> LoggedRun:
    record["val"] = tuple(map(Val._make, record["val"]))
    record["others"] = {name: tuple(column) for name, column in record["others"].items()}
    record["warnings"] = tuple(record["warnings"])
    return LoggedRun(**record)
