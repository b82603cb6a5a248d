"""A folder of shards, made whole: either all of it is new and belongs together, or the old one still stands.

    if intact(folder, source): return
    with building(folder, "fineweb", source) as build:
        build.add("fineweb_val_000000.bin", tokens)
        build.finish(Meta(...))

New shards wait in folder/.part until the last one is written. Then the old validation shard goes first and the new
one comes last, so whoever finds a validation shard finds everything that belongs to it, whenever the power fails.
`source` says what the shards are made of and how (arguments, input files and their sha256): the same source gives
the same shards.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from speedrun.corpus.shards import Meta, ShardInfo, read_header, read_meta, write_meta, write_shard
from speedrun.digests import Digests
from speedrun.errors import UserError
from speedrun.files import write_text

STAGING = ".part"
FAMILY = re.compile(r"(.+)_(train|val)_\d{6}\.bin")


def intact(folder: Path, source: Mapping[str, Any]) -> Meta | None:
    """The meta.json of the shards in `folder`, if they are of this source and all as they were written."""
    try:
        meta = read_meta(folder)
    except UserError:
        return None
    if not meta.shards or meta.source != json.loads(json.dumps(source)):
        return None
    paths = [folder / name for name in meta.shards]
    if not all(path.is_file() for path in paths):
        return None
    digests = Digests(folder)
    if digests.of_all(paths, "checking the shards") != [info.sha256 for info in meta.shards.values()]:
        return None
    with suppress(OSError):  # a folder that is only readable is fine
        digests.save()
    return meta


class Build:
    """Shards that wait in the staging folder; `position` is where the next one starts, if the maker can resume."""

    def __init__(self, folder: Path, name: str, source: Mapping[str, Any]) -> None:
        self.folder, self.name, self.source = folder, name, json.loads(json.dumps(source))
        self.staging = folder / STAGING
        self.record = self.staging / "progress.json"
        self.shards: dict[str, ShardInfo] = {}
        self.position: list[int] | None = None
        self._resume()

    def _resume(self) -> None:
        """Keep the shards of an interrupted build of the same source, and nothing else of it."""
        with suppress(OSError, ValueError, KeyError, TypeError, UserError):
            record = json.loads(self.record.read_text())
            shards = {name: ShardInfo(**info) for name, info in record["shards"].items()}
            whole = all(read_header(self.staging / name) == info.tokens for name, info in shards.items())
            if whole and record["source"] == self.source:
                self.shards, self.position = shards, record["position"]
        if not self.shards:
            shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(exist_ok=True)
        for path in self.staging.iterdir():
            if path.name not in self.shards and path != self.record:
                path.unlink()

    @property
    def tokens(self) -> int:
        return sum(info.tokens for info in self.shards.values())

    def add(self, name: str, tokens: np.ndarray, position: list[int] | None = None) -> None:
        self.shards[name] = write_shard(self.staging / name, tokens)
        if position is not None:
            shards = {name: asdict(info) for name, info in self.shards.items()}
            write_text(self.record, json.dumps({"source": self.source, "shards": shards, "position": position}))

    def finish(self, meta: Meta) -> Meta:
        """Put the new shards, described by `meta`, in the place of the old ones."""
        meta = replace(meta, source=self.source, shards=self.shards)
        for path in sorted(shards_of(self.folder), key=_validation, reverse=True):
            path.unlink()
        write_meta(self.folder, meta)
        digests = Digests(self.folder)
        for path in sorted(map(self.folder.joinpath, self.shards), key=_validation):
            os.replace(self.staging / path.name, path)
            digests.remember(path, self.shards[path.name].sha256)
        digests.save()
        shutil.rmtree(self.staging)
        return meta


def shards_of(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.bin") if FAMILY.fullmatch(path.name)]


def _validation(path: Path) -> bool:
    family = FAMILY.fullmatch(path.name)
    return family is not None and family[2] == "val"  # "_val_" may stand in the name of the data too


@contextmanager
def building(folder: Path, name: str, source: Mapping[str, Any]) -> Iterator[Build]:
    """A Build in `folder`, by one process at a time.

    UserError when the folder holds shards that are not of this name, or not described by a meta.json: they may be
    someone's download. When the build ends early, only what a repeated call can use stays.
    """
    with locked(folder):
        _refuse_strangers(folder, name)
        build = Build(folder, name, source)
        try:
            yield build
        finally:
            if not build.record.exists():
                shutil.rmtree(build.staging, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder`, made if need be, for this process alone; UserError when another one holds it."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(f"{folder}: another process makes or fetches shards here; wait for it") from error
        yield
    finally:
        os.close(lock)
        with suppress(OSError):
            folder.rmdir()  # only where nothing came of it


def _refuse_strangers(folder: Path, name: str) -> None:
    for path in shards_of(folder):
        match = FAMILY.fullmatch(path.name)
        if match and match[1] != name:
            raise UserError(f"{folder} holds shards of {match[1]!r} ({path.name}); choose another --out")
        if not (folder / "meta.json").exists():
            raise UserError(f"{path} was not made here (no meta.json beside it); move it away or choose another --out")
