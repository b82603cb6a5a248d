"""Every run log below a folder, read once: the next time only what has changed since.

    archive = read_archive(Path("modded-nanogpt"))
    print(len(archive.files), *archive.problems, sep="\\n")

A file counts by its name: .txt, .log, .stdout, .out. What cannot or must not be read (links that lead outside, pipes,
files of more than 256 MiB, files that a git clone could not get) is named in `problems`, one line each. What is no
log is read all the same, and its LogFile says why it is none.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from time import time_ns
from typing import NamedTuple

from speedrun.errors import UserError
from speedrun.reading import log_cache
from speedrun.reading.dialects import read_file
from speedrun.reading.log_cache import Entry, Stamp
from speedrun.reading.logfile import LogFile
from speedrun.reading.logs import MAX_BYTES, printable

LOG_LIKE = (".txt", ".log", ".stdout", ".out")
# A file may be written again within one tick of the file system's clock (10 ms at most) and bear the same times. So
# what is younger than this when it is read is not kept.
SETTLED_NS = 50_000_000

Progress = Callable[[int, int], None]  # called with the number of files done and of all


@dataclass(frozen=True)
class Archive:
    top: Path
    files: tuple[LogFile, ...]  # by path, which is relative to top and has "/" between its parts
    problems: tuple[str, ...]


class Found(NamedTuple):
    name: str  # relative to the archive's top, with "/" between its parts
    path: str
    stamp: Stamp


def read_archive(top: Path, cache: bool = True, progress: Progress | None = None) -> Archive:
    """All logs below top/records, or below top where there is no such folder. `cache`: use and update what is kept."""
    if not top.is_dir():
        raise UserError(f"{printable(top)}: no such folder")
    found, problems = _scan(top)
    problems += _absent(top)
    started, known = time_ns(), log_cache.load(top) if cache else {}
    entries: dict[str, Entry] = {}
    for done, file in enumerate(found, 1):
        entry = known.get(file.name)
        if entry is None or entry.stamp != file.stamp:
            entry = _read(file, problems)
        if entry:
            entries[file.name] = entry
        if progress:
            progress(done, len(found))
    if cache:
        _keep(top, entries, known, started)
    return Archive(top, tuple(entry.file for entry in entries.values()), tuple(sorted(problems)))


def read_files(
    paths: Iterable[Path], cache: bool = True, progress: Progress | None = None
) -> tuple[list[LogFile], list[str]]:
    """The files named, and all logs below the folders named, with their paths as a user would type them; and one line
    for each that cannot be read."""
    files: list[LogFile] = []
    problems: list[str] = []
    for path in dict.fromkeys(paths):
        if path.is_dir():
            archive = read_archive(path, cache, progress)
            folder = printable(os.path.join(path, "")) if str(path) != "." else ""
            files += [replace(file, path=folder + file.path) for file in archive.files]
            problems += archive.problems
        elif entry := _read_named(path, problems):
            files.append(entry.file)
    return files, problems


def _read_named(path: Path, problems: list[str]) -> Entry | None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        problems.append(f"{printable(path)}: {getattr(error, 'strerror', None) or error}")
        return None
    if refused := _refused(status):
        problems.append(f"{printable(path)}: {refused}")
        return None
    return _read(Found(str(path), str(path), log_cache.stamp(status)), problems)


def _read(file: Found, problems: list[str]) -> Entry | None:
    try:
        with open(file.path, "rb") as opened:
            content = opened.read()
    except OSError as error:
        problems.append(f"{printable(file.name)}: {error.strerror}")
        return None
    return Entry(file.stamp, read_file(file.name, content))


def _keep(top: Path, entries: dict[str, Entry], known: dict[str, Entry], started: int) -> None:
    settled = {
        name: entry
        for name, entry in entries.items()
        if max(entry.stamp.mtime_ns, entry.stamp.ctime_ns) < started - SETTLED_NS
        and entry.stamp.size == entry.file.size  # else it was written to while it was read
    }
    if settled.keys() != known.keys() or any(known[name] is not entry for name, entry in settled.items()):
        log_cache.store(top, settled)


def _scan(top: Path) -> tuple[list[Found], list[str]]:
    """The log-like files below an archive's top, by name, and what is not to be read. Enters no links to folders."""
    prefix, inside = os.path.join(top, ""), os.path.join(os.path.realpath(top), "")
    records = top / "records"
    folders = [str(records if records.is_dir() and not records.is_symlink() else top)]
    found: list[Found] = []
    problems: list[str] = []
    while folders:
        for entry in _entries(folders.pop(), problems):
            name = entry.path[len(prefix) :].replace(os.sep, "/")
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git":
                    folders.append(entry.path)
            elif entry.is_symlink() and not os.path.realpath(entry.path).startswith(inside):
                problems.append(f"{printable(name)}: a link that leads outside the archive; not followed")
            elif entry.name.endswith(LOG_LIKE):
                _consider(entry, name, found, problems)
    return sorted(found), problems


def _entries(folder: str, problems: list[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        problems.append(f"{printable(folder)}: {error.strerror}")
        return []


def _consider(entry: os.DirEntry[str], name: str, found: list[Found], problems: list[str]) -> None:
    try:
        status = entry.stat()
    except OSError as error:
        problems.append(f"{printable(name)}: {error.strerror}")
        return
    if stat.S_ISDIR(status.st_mode):  # a link to a folder
        return
    if refused := _refused(status):
        problems.append(f"{printable(name)}: {refused}")
    else:
        found.append(Found(name, entry.path, log_cache.stamp(status)))


def _refused(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file; not read"
    if status.st_size > MAX_BYTES:
        return f"{status.st_size:,} bytes; a run log has at most {MAX_BYTES:,}; not read"
    return None


def _absent(top: Path) -> list[str]:
    """The log-like files that a git clone lists and does not have: a checkout leaves out what it could not get."""
    if not (top / ".git").exists():
        return []
    import subprocess

    # A clone's own settings may name programs to run or servers to ask: neither is wanted.
    command = ["git", "-C", str(top), "-c", "core.fsmonitor=false", "ls-files", "--deleted", "-z", "--", "records"]
    try:
        quiet = os.environ | {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none", "GIT_OPTIONAL_LOCKS": "0"}
        listed = subprocess.run(command, capture_output=True, timeout=10, check=False, env=quiet).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    names = [os.fsdecode(name) for name in listed.split(b"\0") if name.endswith(tuple(map(os.fsencode, LOG_LIKE)))]
    return [f"{printable(name)}: the git clone lists it and does not have it" for name in names]
