"""Ranking: the cohorts of a track, judged by its rules and ordered by time to its main target.

    board = rank(track, runs, Known(frozen={"00_baseline": sha256}))

One table for each hardware class and validation data, since times of different machines, and losses on different
text, do not compare. Reading (logs.py, tracks.py) and showing (markdown.py, terminal.py, page.py) are elsewhere.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from speedrun.board.ablations import Ablated, Switches, recognised
from speedrun.board.cohorts import Cohort, Reach, group, identity, reach, reach_at_end
from speedrun.board.entry_notes import as_stated, listed, note
from speedrun.board.floor import below_floor
from speedrun.board.turns import in_turns
from speedrun.inference import Ratio, Spread, speedup, spread
from speedrun.reading.runs import Run
from speedrun.tracks import Track

Older = Mapping[tuple[str, str], int]  # the revision of a (milestone, program's sha256) no longer the frozen one


@dataclass(frozen=True)
class Entry:
    rank: int | None  # None: not every complete run met the main target
    note: str  # what tells the cohort from its milestone's others, "" where the name is enough
    cohort: Cohort
    loss: Spread  # final, nats a token, n = seeds
    above_floor: float | None
    reaches: tuple[Reach, ...]  # one for each target of the table
    speedups: tuple[Ratio | None, ...]  # over the anchor, one for each target
    is_anchor: bool
    frozen: bool = False  # the program is its milestone's frozen one, of the present revision
    revision: int | None = None  # the program is this older revision of its milestone's, as its plan says

    @property
    def label(self) -> str:
        return f"{self.cohort.milestone} ({self.note})" if self.note else self.cohort.milestone


@dataclass(frozen=True)
class Table:
    hardware: str
    data: str  # validation data in words where the track leaves it open, else ""
    targets: tuple[float, ...]  # nats a token, the main one first; empty: the anchor has not set it yet
    entries: tuple[Entry, ...]
    others: tuple[Cohort, ...]  # impossible, or without a complete run: drawn on the page, in no row
    ablated: tuple[Ablated, ...] = ()  # with a technique turned off: in no row, but in the notes of their milestone
    former: tuple[str, ...] = ()  # milestones with runs of an earlier revision that trains the same among theirs
    rungs: tuple[Entry, ...] = ()  # what a ladder compares: the frozen milestones, by the runs that took turns

    @property
    def unreached(self) -> tuple[float, ...]:
        met = {r.target for entry in self.entries for r in entry.reaches if r.met}
        return tuple(target for target in self.targets if target not in met)


@dataclass(frozen=True)
class Board:
    """A track's standing. Every run given is in a table or named in `problems`."""

    track: Track
    tables: tuple[Table, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What the clone knows beside the runs."""

    frozen: Mapping[str, str]  # the sha256 of each milestone's frozen program, by name
    older: Older = field(default_factory=dict)  # programs of former revisions
    flags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of each milestone on this track, at present
    switches: Mapping[str, Switches] = field(default_factory=dict)  # likewise: tell ablations from entries
    sessions: Mapping[Path, str] = field(default_factory=dict)  # of each folder of logs, where known
    former: frozenset[Path] = frozenset()  # logs of earlier revisions that count as the present one's: former.py


def rank(track: Track, runs: Sequence[Run], known: Known) -> Board:
    once, problems = _without_copies(runs)
    tables: dict[tuple, list[Cohort]] = {}
    for cohort in group(once):
        strange = _other_data(cohort, track)
        if strange:
            problems.append(f"{_named(cohort)}: not ranked: {strange}")
            continue
        tables.setdefault((cohort.hardware, cohort.val_sha256), []).append(cohort)
        impossible = _impossible(cohort, track.data.floor)
        if impossible:
            found = f"impossible: below the floor of {track.data.floor:.4f} ({listed(impossible)})"
            problems.append(f"{_named(cohort)}: not ranked: {found}")
        problems += _left_out(cohort)
    judged = tuple(_table(track, tables[key], known) for key in sorted(tables))
    return Board(track, judged, tuple(problems))


def _without_copies(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """A run counts once, however many files hold its log."""
    unique: dict[tuple, Run] = {}
    for run in sorted(runs, key=lambda run: str(run.path)):
        told = run.val or run.path  # without a validation nothing tells a copy
        unique.setdefault((run.header.run_id, run.header.started, identity(run), told, run.finished), run)
    copies = len(runs) - len(unique)
    told = "1 log is a copy of another and counts" if copies == 1 else f"{copies} logs are copies of others and count"
    return list(unique.values()), [f"{told} once"] if copies else []


def _named(cohort: Cohort) -> str:
    count = len(cohort.runs)
    return f"{cohort.milestone}, {count} run{'s' if count > 1 else ''} on {cohort.hardware}"


def _other_data(cohort: Cohort, track: Track) -> str | None:
    """How its validation differs from the track's, if it does."""
    pins = track.data.val_sha256
    if pins and set(cohort.val_sha256) != set(pins):
        return "validated on other data than the track's (its sha256 differs)"
    if cohort.val_tokens != track.data.val_tokens:
        return f"validated on val_tokens={cohort.val_tokens}, the track says {track.data.val_tokens} (0 is all)"
    return None


def _impossible(cohort: Cohort, floor: float | None) -> list[str]:
    """The runs below the floor. One such run bars its whole cohort from a rank: the others ran the same program."""
    return [run.header.run_id for run in cohort.runs if below_floor(run, floor)]


def _left_out(cohort: Cohort) -> list[str]:
    """The runs that are not averaged, by what became of them."""
    states: dict[str, list[str]] = {}
    for run in cohort.runs:
        if not run.complete:
            why = f"contradictory, {run.doubts[0]}" if run.doubts else run.state
            states.setdefault(why, []).append(run.header.run_id)
    return [f"{_named(cohort)}: {len(ids)} {why}, not averaged ({listed(ids)})" for why, ids in states.items()]


def _table(track: Track, cohorts: list[Cohort], known: Known) -> Table:
    frozen, older = known.frozen, known.older
    others = [c for c in cohorts if not c.complete or _impossible(c, track.data.floor)]
    sound = [c for c in cohorts if c not in others]
    ablated = recognised([c for c in sound if _of_the_milestone(c, frozen, older)], known.switches)
    ranked = [c for c in sound if all(c is not one.cohort for one in ablated)]
    anchor = _anchor(track, ranked, known)
    derived = not track.target.val_loss
    targets = track.target.val_loss or ((statistics.fmean(anchor.losses),) if anchor else ())

    def reaches(cohort: Cohort) -> tuple[Reach, ...]:
        if derived and cohort is anchor:
            return tuple(reach_at_end(cohort, target) for target in targets)
        return tuple(reach(cohort, target, track.target.final) for target in targets)

    base = reaches(anchor) if anchor else ()
    floor = track.data.floor
    entries = []
    for cohort in ranked:
        loss, reached = spread(cohort.losses), reaches(cohort)
        assert loss is not None  # a table holds only cohorts with a complete run
        gains = _gains(base, reached) if anchor and cohort is not anchor else ()
        above = None if floor is None else loss.mean - floor
        gains = gains or (None,) * len(targets)
        current = frozen.get(cohort.milestone) == cohort.code_sha256
        revision = None if current else older.get((cohort.milestone, cohort.code_sha256))
        namesakes = [c for c in ranked if c.milestone == cohort.milestone]
        told = note(cohort, namesakes, frozen, revision, known.flags.get(cohort.milestone, {}))
        entries.append(Entry(None, told, cohort, loss, above, reached, gains, cohort is anchor, current, revision))
    rows = _ordered(entries)
    rungs = rows if derived else _in_turns(rows, reaches, track.anchor, known.sessions)
    return Table(
        cohorts[0].hardware,
        _data(track, cohorts[0]),
        targets,
        rows,
        tuple(others),
        tuple(ablated),
        tuple(sorted({c.milestone for c in sound if any(run.path in known.former for run in c.complete)})),
        tuple(rung for rung in rungs if rung.frozen),
    )


def _gains(base: Sequence[Reach], own: Sequence[Reach]) -> tuple[Ratio | None, ...]:
    """The speedup over the base, one for each target, a seed counted once; None where not all runs of both met it."""
    return tuple(
        speedup(theirs.seed_times, ours.seed_times) if theirs.all_met and ours.all_met else None
        for theirs, ours in zip(base, own, strict=True)
    )


def _in_turns(
    rows: Sequence[Entry],
    reaches: Callable[[Cohort], tuple[Reach, ...]],
    anchor: str,
    sessions: Mapping[Path, str],
) -> list[Entry]:
    """The frozen milestones' rows, each with what its runs of one session alone came to, beside the anchor's of it."""
    frozen = [entry for entry in rows if entry.frozen]
    rungs = []
    for entry, part in zip(frozen, in_turns([entry.cohort for entry in frozen], sessions), strict=True):
        if part is not None and (loss := spread(part.losses)):
            rungs.append(replace(entry, cohort=part, loss=loss, reaches=reaches(part)))
    anchors = [rung for rung in rungs if rung.cohort.milestone == anchor]
    base = max(anchors, key=lambda rung: rung.is_anchor, default=None)
    return [
        replace(
            rung,
            is_anchor=rung is base,
            speedups=_gains(base.reaches, rung.reaches) if base and rung is not base else (None,) * len(rung.reaches),
        )
        for rung in rungs
    ]


def _of_the_milestone(cohort: Cohort, frozen: Mapping[str, str], older: Older) -> bool:
    """Its frozen program, a former revision of it, or the live script; not a stranger's under its name."""
    name, program = cohort.milestone, cohort.code_sha256
    return frozen.get(name, program) == program or (name, program) in older


def _anchor(track: Track, cohorts: Sequence[Cohort], known: Known) -> Cohort | None:
    """The anchor milestone's: of its frozen program, with the main target met, with the flags that milestone.toml
    states, with most runs, in that order."""
    own = [cohort for cohort in cohorts if cohort.milestone == track.anchor]
    sha256, main, stated = known.frozen.get(track.anchor), track.target.val_loss[:1], known.flags.get(track.anchor, {})

    def fitness(cohort: Cohort) -> tuple:
        met = all(reach(cohort, target, track.target.final).all_met for target in main)
        return (cohort.code_sha256 == sha256, met, as_stated(cohort, stated), len(cohort.complete))

    return max(own, key=fitness, default=None)


def _ordered(entries: list[Entry]) -> tuple[Entry, ...]:
    """By time to the main target; after them, by final loss and without a rank, those not all of whose runs met it."""

    def place(entry: Entry) -> tuple:
        main = entry.reaches[0].seconds if entry.reaches else None
        return (main is None, main.mean if main else 0.0, entry.loss.mean, entry.label)

    placed = sorted(entries, key=place)
    return tuple(replace(entry, rank=None if place(entry)[0] else n) for n, entry in enumerate(placed, start=1))


def _data(track: Track, cohort: Cohort) -> str:
    """The validation data in words, unless the track has pinned it."""
    if track.data.val_sha256:
        return ""
    shards = cohort.runs[0].header.val_data
    return ", ".join(f"{shard.name} ({shard.tokens:,} tokens, sha256 {shard.sha256[:8]})" for shard in shards[:2])
