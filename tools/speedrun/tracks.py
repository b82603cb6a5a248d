"""Tracks: the categories of competition, each described by records/TRACK/track.toml.

    track = load_track("toy-cpu")
    track.target.val_loss[0]          # the main target, nats a token

Reading only: whether runs keep a track's rules is decided elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path

from speedrun import house
from speedrun.errors import UserError
from speedrun.manifests import Manifest, folders_with, read_manifest
from speedrun.nearest import nearest

FILE = "track.toml"
DEFAULT = "toy-cpu"  # needs no download and no GPU
OFFICIAL = "fineweb-124m"  # the defaults of every script are this track's run, so no milestone states flags for it


@dataclass(frozen=True)
class Data:
    """Token shards of a track: paths and glob patterns are relative to the clone's top folder."""

    folder: str
    train: str  # glob pattern
    val: str  # glob pattern
    val_tokens: int  # predicted tokens from the start of the validation split; 0: all of it
    make: str  # the command that gets the shards
    val_sha256: tuple[str, ...]  # of the validation shards; empty: any
    floor: float | None  # nats a token that no honest model can beat, where it is known


@dataclass(frozen=True)
class Target:
    val_loss: tuple[float, ...]  # nats a token, the main one first; empty: the anchor's own final loss
    final: bool  # only the last validation of a run counts


@dataclass(frozen=True)
class Track:
    name: str
    title: str
    what: str  # one sentence
    data: Data
    target: Target
    anchor: str  # the milestone that every machine runs
    hardware: str  # the class that is ranked, such as "two CPU cores"
    rules: tuple[str, ...]
    folder: Path  # records/TRACK


def all_tracks() -> list[Track]:
    """Every track of the house, by name. UserError at the first track.toml that makes no sense."""
    return [_read(folder) for folder in folders_with(FILE, house.records()).values()]


def load_track(name: str) -> Track:
    """UserError when there is no such track (nearest names shown) or its track.toml makes no sense."""
    folders = folders_with(FILE, house.records())
    if name not in folders:
        hint = nearest(name, folders) or f": no {FILE} below {house.shown(house.records())}"
        raise UserError(f"no track {name!r}{hint}")
    return _read(folders[name])


def _read(folder: Path) -> Track:
    manifest = read_manifest(folder / FILE)
    name = manifest.get("name", str)
    if name != folder.name:
        raise UserError(f"{manifest.where}: name is {name!r}, but its folder is {folder.name}; make them the same")
    target = manifest.table("target")
    return Track(
        name=name,
        title=manifest.get("title", str),
        what=manifest.get("what", str),
        data=_data(manifest.table("data")),
        target=Target(target.all_of("val_loss", float), target.get("final", bool, False)),
        anchor=manifest.table("anchor").get("milestone", str),
        hardware=manifest.table("hardware").get("class", str),
        rules=manifest.all_of("rules", str),
        folder=folder,
    )


def _data(table: Manifest) -> Data:
    return Data(
        folder=table.get("folder", str),
        train=table.get("train", str),
        val=table.get("val", str),
        val_tokens=table.get("val_tokens", int, 0),
        make=table.get("make", str),
        val_sha256=table.all_of("val_sha256", str),
        floor=table.get("floor", float, None),
    )
