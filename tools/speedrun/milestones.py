"""Milestones: frozen scripts in history/NN_name/, and the live one in train/, each with its milestone.toml.

    milestone = load_milestone("00_baseline")      # "00" and "train" do too
    milestone.flags["toy-cpu"]                     # {"num_layers": 4, ...}
    milestone.check_frozen()

Nothing here imports or runs a script.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speedrun import house
from speedrun.errors import UserError
from speedrun.manifests import Manifest, folders_with, read_manifest
from speedrun.nearest import nearest
from speedrun.tracks import OFFICIAL, Track

FILE, SCRIPT = "milestone.toml", "train_gpt2.py"
LIVE = "train"  # name of the live script, which is a milestone that is not frozen yet


@dataclass(frozen=True)
class Official:
    """The published record that a milestone stands for, on 8xH100."""

    record: int
    minutes: float | None
    date: str | None
    val_loss: float | None  # nats a token
    steps: int | None
    tokens: int | None
    source: str | None


@dataclass(frozen=True)
class Milestone:
    name: str
    title: str
    idea: str
    revision: int
    sha256: str | None  # of the script when it was frozen; None: it is not frozen
    techniques: tuple[str, ...]
    official: Official | None
    flags: Mapping[str, Mapping[str, Any]]  # track: {field: value}
    without: Mapping[str, Mapping[str, Any]]  # technique: the flags that turn it off; those that are one flag only
    folder: Path
    trains_as: tuple[str, ...] = ()  # sha256 of earlier revisions whose losses are the same to the last digit

    @property
    def script(self) -> Path:
        return self.folder / SCRIPT

    def code_sha256(self) -> str:
        """Of the script as it is now, in hex; UserError when there is none."""
        try:
            return hashlib.sha256(self.script.read_bytes()).hexdigest()
        except FileNotFoundError:
            raise UserError(f"{house.shown(self.script)} is missing; get it back with git checkout") from None

    def check_frozen(self) -> str:
        """The script's sha256; UserError when it is not the one that was frozen."""
        now = self.code_sha256()
        if self.sha256 not in (None, now):
            script = house.shown(self.script)
            raise UserError(
                f"{script} is not the frozen program: its sha256 is {now[:12]}, {FILE} says {self.sha256[:12]}; "
                f"git checkout {script} restores it, train/{SCRIPT} is the place for changes"
            )
        return now

    def flags_for(self, track: Track) -> dict[str, Any]:
        """This milestone's flags on a track; UserError when it has none."""
        if track.name in self.flags:
            return dict(self.flags[track.name])
        if track.name == OFFICIAL:
            return {}
        known = f" (it has: {', '.join(self.flags)})" if self.flags else ""
        raise UserError(
            f"{self.name} has no flags for track {track.name}{known}: "
            f"add [tracks.{track.name}] to {house.shown(self.folder / FILE)}"
        )

    def flags_without(self, techniques: Sequence[str]) -> dict[str, Any]:
        """The flags that turn these off; UserError, with the nearest names, for one that has no switch."""
        for name in techniques:
            if name not in self.without:
                hint = nearest(name, self.without) or f": {house.shown(self.folder / FILE)} has no [without.NAME]"
                raise UserError(f"{self.name} has no switch {name!r}{hint}")
        return {field: value for name in techniques for field, value in self.without[name].items()}


def all_milestones() -> list[Milestone]:
    """The frozen ones by number, then the live script. UserError at the first milestone.toml that makes no sense."""
    return [_read(name, folder) for name, folder in _folders().items()]


def load_milestone(name: str) -> Milestone:
    """By full name, by its number alone ("00", "0"), or "train"; UserError with the nearest names otherwise."""
    folders = _folders()
    numbered = [known for known in folders if name.isdecimal() and known.partition("_")[0] == name.zfill(2)]
    known = name if name in folders else numbered[0] if len(numbered) == 1 else None
    if known is None:
        hint = nearest(name, folders) or f": no {FILE} below {house.shown(house.history())}"
        raise UserError(f"no milestone {name!r}{hint}")
    return _read(known, folders[known])


def _folders() -> dict[str, Path]:
    live = {LIVE: house.live()} if (house.live() / FILE).exists() else {}
    return folders_with(FILE, house.history()) | live


def _read(name: str, folder: Path) -> Milestone:
    manifest = read_manifest(folder / FILE)
    if manifest.get("name", str) != name:
        raise UserError(f"{manifest.where}: name is {manifest.values['name']!r}, but must be {name!r}, as its folder")
    tracks = manifest.table("tracks", {})
    return Milestone(
        name=name,
        title=manifest.get("title", str),
        idea=manifest.get("idea", str),
        revision=manifest.get("revision", int, 1),
        # A milestone without it could be changed unseen, so only the live script may go without.
        sha256=manifest.get("sha256", str, None) if name == LIVE else manifest.get("sha256", str),
        techniques=manifest.all_of("techniques", str),
        official=_official(manifest.table("official")) if "official" in manifest.values else None,
        flags={track: tracks.table(track).values for track in tracks.values},
        without=_switches(manifest.table("without", {})),
        folder=folder,
        trains_as=manifest.all_of("trains_as", str),
    )


def _switches(table: Manifest) -> dict[str, Mapping[str, Any]]:
    for name in table.values:
        if not (name.isascii() and name.isidentifier()):  # it becomes part of a folder's name
            raise UserError(f"{table.where}: {name!r} must be a name of letters, digits and underscores")
    return {name: table.table(name).values for name in table.values}


def _official(table: Manifest) -> Official:
    return Official(
        record=table.get("record", int),
        minutes=table.get("minutes", float, None),
        date=str(table.values["date"]) if "date" in table.values else None,  # TOML has dates of its own
        val_loss=table.get("val_loss", float, None),
        steps=table.get("steps", int, None),
        tokens=table.get("tokens", int, None),
        source=table.get("source", str, None),
    )
