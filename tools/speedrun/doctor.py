"""What starts on this machine, what is missing for the rest, and what to type next.

diagnosis = diagnose()
diagnosis.starts          # [("00_baseline", "toy-cpu"), ...]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speedrun import house
from speedrun.corpus.shards import read_header
from speedrun.errors import UserError
from speedrun.machine import Machine, look
from speedrun.milestones import Milestone, all_milestones
from speedrun.tracks import DEFAULT, FILE, OFFICIAL, Track, all_tracks


@dataclass(frozen=True)
class Shards:
    """The data of a track as it lies here."""

    track: str
    folder: str
    train: int  # shards
    train_tokens: int
    val: int
    val_tokens: int
    faults: tuple[str, ...]  # one line a damaged shard, or a pattern that can name none
    make: str  # the command that gets the shards

    @property
    def present(self) -> bool:
        return self.train > 0 and self.val > 0 and not self.faults


@dataclass(frozen=True)
class Start:
    """Whether a milestone starts on a track."""

    milestone: str
    track: str
    missing: tuple[str, ...]  # each torch, script, flags, GPU or data; empty: it starts


@dataclass(frozen=True)
class Diagnosis:
    machine: Machine
    shards: tuple[Shards, ...]
    matrix: tuple[Start, ...]
    faults: tuple[str, ...]  # what is wrong with scripts and data, and what to do, one line each
    next: tuple[str, ...]  # what to type

    @property
    def starts(self) -> list[tuple[str, str]]:
        return [(start.milestone, start.track) for start in self.matrix if not start.missing]


def diagnose() -> Diagnosis:
    machine = look(house.root())
    tracks, milestones = all_tracks(), all_milestones()
    shards = {track.name: shards_of(track) for track in tracks}
    faults = {milestone.name: script_fault(milestone) for milestone in milestones}
    matrix = tuple(
        Start(m.name, t.name, missing(m, t, machine, shards[t.name], faults[m.name]))
        for m in milestones
        for t in tracks
    )
    lines = [*filter(None, faults.values()), *(fault for found in shards.values() for fault in found.faults)]
    return Diagnosis(machine, tuple(shards.values()), matrix, tuple(lines), next_steps(machine, tracks, matrix))


def shards_of(track: Track) -> Shards:
    """Counts the shards and the tokens that their headers state; reads no tokens."""
    data, faults = track.data, []
    counted = []
    for name, pattern in (("train", data.train), ("val", data.val)):
        try:
            files = house.files(pattern)
        except ValueError as error:  # no name, or ** inside of one
            files = []
            faults.append(f"{house.shown(track.folder / FILE)}: {name} = {pattern!r} names no files: {error}")
        counted.append((len(files), sum(tokens_of(file, faults) for file in files)))
    (train, train_tokens), (val, val_tokens) = counted
    return Shards(track.name, data.folder, train, train_tokens, val, val_tokens, tuple(faults), data.make)


def tokens_of(file: Path, faults: list[str]) -> int:
    try:
        return read_header(file)
    except (UserError, OSError) as error:
        faults.append(str(error).replace(str(file), house.shown(file)))
        return 0


def script_fault(milestone: Milestone) -> str | None:
    try:
        milestone.check_frozen()
    except UserError as error:
        return str(error)
    return None


def missing(milestone: Milestone, track: Track, machine: Machine, shards: Shards, fault: str | None) -> tuple[str, ...]:
    found = {
        "torch": machine.torch is None or machine.torch_fault,
        "script": fault,
        "flags": track.name != OFFICIAL and track.name not in milestone.flags,
        "GPU": track.name == OFFICIAL and not machine.cuda,  # a CPU would start, and be busy for months
        "data": not shards.present,
    }
    return tuple(what for what, is_missing in found.items() if is_missing)


def next_steps(machine: Machine, tracks: Sequence[Track], matrix: Sequence[Start]) -> tuple[str, ...]:
    """The commands that lead to a run, and on from there; the track that needs least comes first."""
    if machine.torch is None or machine.torch_fault:
        return ("make setup",)
    order = sorted(matrix, key=lambda start: start.track != DEFAULT)
    for start in order:
        if not start.missing:
            return (f"speedrun replay {start.milestone} --track {start.track}", "speedrun leaderboard --from runs")
    makes = {track.name: track.data.make for track in tracks}
    for start in order:
        if start.missing == ("data",):
            return (makes[start.track], f"speedrun replay {start.milestone} --track {start.track}")
    return ()
