"""sha256 of large files, computed once: remembered for as long as a file keeps its size and time of change."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from speedrun.corpus.shards import sha256_of
from speedrun.files import write_text
from speedrun.progress import bars


class Digests:
    """The memory lies in `folder`/.sha256.json; losing it costs only time."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / ".sha256.json"
        self.known = _kept(self.file)

    def of(self, path: Path, report: Callable[[int], object] = lambda done: None) -> str:
        """sha256 in hex of `path`; `report` is told of the bytes that had to be read."""
        return self._remembered(path) or self.remember(path, sha256_of(path, report))

    def of_all(self, paths: Sequence[Path], what: str) -> list[str]:
        """The same of many files, with a progress bar named `what` where files have to be read."""
        unknown = [path for path in paths if not self._remembered(path)]
        if unknown:
            with bars() as progress:
                task = progress.add_task(what, total=sum(path.stat().st_size for path in unknown))
                for path in unknown:
                    self.of(path, partial(progress.advance, task))
        return [self.of(path) for path in paths]

    def _remembered(self, path: Path) -> str | None:
        known = self.known.get(str(path.resolve()))
        return known[2] if known and known[:2] == _stamp(path) else None

    def remember(self, path: Path, sha256: str) -> str:
        self.known[str(path.resolve())] = [*_stamp(path), sha256]
        return sha256

    def save(self) -> None:
        write_text(self.file, json.dumps(self.known, indent=1) + "\n")


def _kept(file: Path) -> dict[str, list]:
    """What the file remembers, without what makes no sense in it."""
    try:
        table = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return {path: entry for path, entry in table.items() if _sane(entry)} if isinstance(table, dict) else {}


def _sane(entry: Any) -> bool:
    return isinstance(entry, list) and [*map(type, entry)] == [int, int, str]


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
