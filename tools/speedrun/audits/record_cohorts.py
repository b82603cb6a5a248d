"""Which runs of an archive count for a claim: one cohort out of those around the linked log.

    cohort = choose(claim, archive, "records/track_1_short/2024-10-10_Muon/eb56.txt", linked)
    print(cohort.key.planned, len(cohort.members), len(cohort.others))

The cohort of a linked log, on tracks 1 and 2: the complete runs in the record's folder (records/TRACK/NAME and below)
with its program, planned steps, GPU and number of GPUs. On track 3, which counts steps on any hardware: the runs in the
linked log's own folder and below, with its planned steps and its program (or none: console captures hold none), that
have a validation at the claimed step, which is where they are judged. Many records share track 3's results/ folder:
of a log that lies in it directly, only the logs beside it that hold its program are looked at.

Where a folder is linked, or a file in it that is no log (a README), the cohort is the one with most runs on the claimed
hardware; ties go to the fewest planned steps. Copies of a run count once: the same bytes, or the same planned steps,
step, loss and time. Not here: what to make of the runs (evidence.py).
"""

import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from speedrun.audits.claims import Claim
from speedrun.reading.logfile import LogFile, LoggedRun, Val

if TYPE_CHECKING:
    from speedrun.reading.archive import Archive


class Candidate(NamedTuple):
    file: LogFile
    run: LoggedRun


class Key(NamedTuple):
    """What the runs of a cohort have in common. On track 3 the hardware is not compared: None."""

    program: str | None
    planned: int | None
    gpu: str | None
    gpu_count: int | None


class Scope(NamedTuple):
    """A folder, alone or with all below it."""

    folder: str
    deep: bool

    def holds(self, path: str) -> bool:
        parent = posixpath.dirname(path)
        return parent == self.folder or (self.deep and parent.startswith(f"{self.folder}/"))


class Cohort(NamedTuple):
    """The runs that count, and what else lies in `scope`."""

    key: Key
    scope: Scope
    members: tuple[Candidate, ...]
    others: tuple[Candidate, ...]  # without copies
    copies: int
    unread: tuple[LogFile, ...]  # files without any run
    choices: int  # cohorts of a linked folder; 1 where a log is linked


def choose(claim: Claim, archive: "Archive", path: str, linked: LogFile | None) -> Cohort:
    """The cohort that the link to `path` stands for; `linked` is the log there, None where the link is of a folder."""
    scope = _scope(archive, path, linked)
    files = [file for file in archive.files if scope.holds(file.path)]
    if linked and claim.steps is not None and not scope.deep:
        files = [f for f in files if f is linked or (f.program_sha256 and f.program_sha256 == linked.program_sha256)]
    kept, copies = distinct(claim, (Candidate(file, run) for file in files for run in file.runs), linked)
    if linked:
        key, choices = key_of(claim, Candidate(linked, linked.runs[0])), 1
    else:
        key, choices = _largest(claim, [one for one in kept if judged(claim, one.run)] or kept)
    sides: tuple[list[Candidate], list[Candidate]] = ([], [])
    for one in kept:
        sides[bool(judged(claim, one.run) and _belongs(claim, one, key, linked))].append(one)
    others, members = map(tuple, sides)
    return Cohort(key, scope, members, others, copies, tuple(file for file in files if not file.runs), choices)


def judged(claim: Claim, run: LoggedRun) -> Val | None:
    """The validation that a claim is about: at the claimed step, else the last of a run that is not cut off."""
    if claim.steps is not None:
        return next((val for val in run.val if val.step == claim.steps), None)
    return run.final if run.complete or run.planned_steps is None else None  # llm.c's logs do not say what was planned


def key_of(claim: Claim, one: Candidate) -> Key:
    program, planned = one.file.program_sha256, one.run.planned_steps
    if claim.steps is not None:
        return Key(program, planned, None, None)
    # Whether two logs that hold no program are of one program cannot be known: each stands alone.
    return Key(program or f"not known: {one.file.path}", planned, one.file.gpu, one.file.gpu_count)


def on_claimed_hardware(claim: Claim, gpu: str | None, count: int | None) -> bool:
    if claim.hardware is None:
        return True
    return count == claim.gpu_count and bool(re.search(rf"\b{re.escape(claim.hardware)}\b", gpu or ""))


def distinct(claim: Claim, candidates: Iterable[Candidate], linked: LogFile | None) -> tuple[list[Candidate], int]:
    """Each run once, and how many copies there were. The fullest copy is kept, but the linked log before any other."""

    def rank(one: Candidate) -> tuple:
        return (
            one.file is not linked,
            one.file.program_sha256 is None,
            -len(one.run.val),
            one.file.path,
            one.run.index,
        )

    kept: list[Candidate] = []
    seen: set[tuple] = set()
    copies = 0
    for one in sorted(candidates, key=rank):
        names = _names(claim, one)
        if seen.isdisjoint(names):
            kept.append(one)
        else:
            copies += 1
        seen |= names
    return sorted(kept, key=lambda one: (one.file.path, one.run.index)), copies


def _names(claim: Claim, one: Candidate) -> set[tuple]:
    """What a copy of this run shares with it; two runs share none of these."""
    points = (one.run.final, judged(claim, one.run))
    # Without a clock two runs may well end on the same four decimals, and all runs begin alike.
    names: set[tuple] = {(one.run.planned_steps, p) for p in points if p and p.ms is not None and p.step > 0}
    return names | {(one.file.content_sha256, one.run.index)}


def _scope(archive: "Archive", path: str, linked: LogFile | None) -> Scope:
    """Where the runs that count, and those to name beside them, are looked for."""
    if linked is None:
        return Scope(posixpath.dirname(path) if os.path.isfile(archive.top / path) else path, True)
    parts = path.split("/")
    depth = 4 if parts[2:3] == ["results"] else 3  # records/TRACK/NAME, records/TRACK/results/NAME
    return Scope("/".join(parts[:depth]), True) if len(parts) > depth else Scope(posixpath.dirname(path), False)


def _largest(claim: Claim, candidates: Sequence[Candidate]) -> tuple[Key, int]:
    """The cohort that stands for a linked folder, and out of how many."""
    sizes = Counter(key_of(claim, one) for one in candidates)

    def rank(key: Key) -> tuple:
        claimed = on_claimed_hardware(claim, key.gpu, key.gpu_count)
        return (not claimed, -sizes[key], key.planned or 0, str(key))

    return min(sizes, key=rank, default=Key(None, None, None, None)), len(sizes)


def _belongs(claim: Claim, one: Candidate, key: Key, linked: LogFile | None) -> bool:
    own = key_of(claim, one)
    if claim.steps is None or linked is None or one.file is linked:
        return own == key
    near = Scope(posixpath.dirname(linked.path), True).holds(one.file.path)
    return near and own.planned == key.planned and own.program in (key.program, None)
