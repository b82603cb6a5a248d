"""The whole path of the speedrun as rows: what was published, what was measured here, what changed in the script.

    history = read_history(all_milestones(), boards)
    print(table(history))            # Markdown for history/README.md; ladder_picture.draw(history) is the picture

A milestone with a folder is described by its milestone.toml; history/published.toml adds what stands nowhere else. Not
a second leaderboard: what a measured factor is, and when it counts as shown, is ladder.py's.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from speedrun import house
from speedrun.board import figures
from speedrun.board.figures import NONE
from speedrun.board.ladder import SHOWN, Rung, ladder
from speedrun.board.ladder_markdown import has_steps
from speedrun.board.markdown import escape
from speedrun.board.ranking import Board
from speedrun.errors import UserError
from speedrun.manifests import Manifest, read_manifest
from speedrun.milestones import LIVE, Milestone, Official

FILE = "published.toml"
NO_SCRIPT = "script not here yet"
STANDINGS = {"gain": "", "same": "", "none": "no gain shown, ", "loss": "slower, ", "unknown": "no test, "}


@dataclass(frozen=True)
class Published:
    """What published.toml says of a milestone."""

    paper: str
    url: str
    other_records: tuple[int, ...]
    idea: str | None  # None, like official: it stands in the milestone's own milestone.toml
    official: Official | None
    val_loss_of: int | None  # the record whose log has val_loss; None: the same record


@dataclass(frozen=True)
class Step:
    """A milestone of the path."""

    name: str
    idea: str
    published: Published | None
    official: Official | None
    has_script: bool
    changed: tuple[int, int] | None  # lines added and removed against the script before; None: nothing to compare

    @property
    def records(self) -> list[int]:
        others = self.published.other_records if self.published else ()
        return sorted({*others, *([self.official.record] if self.official else [])})


@dataclass(frozen=True)
class Column:
    """A track's ladder to its main target, on the hardware where most milestones were run."""

    track: str
    target: float
    hardware: str
    rungs: Mapping[str, Rung]  # by milestone


@dataclass(frozen=True)
class History:
    steps: tuple[Step, ...]  # in the order of the folders
    columns: tuple[Column, ...]


def read_history(milestones: Sequence[Milestone], boards: Sequence[Board]) -> History:
    """The milestones with their scripts, published.toml, and what the boards tell of them."""
    frozen = [one for one in milestones if one.name != LIVE]
    scripts = {one.name: one.script for one in frozen if one.script.exists()}
    programs = {name: path.read_text(encoding="utf-8", errors="replace") for name, path in scripts.items()}
    path = house.history() / FILE
    return History(
        steps=tuple(path_of(frozen, read_published(path) if path.exists() else {}, programs)),
        columns=tuple(column for board in boards if (column := _column(board))),
    )


def path_of(frozen: Sequence[Milestone], published: Mapping[str, Published], programs: Mapping[str, str]) -> list[Step]:
    """Every milestone that has a folder or stands in published.toml, by number. Where both tell, the folder counts."""
    milestones = {one.name: one for one in frozen}
    steps, before = [], None
    for name in sorted(milestones.keys() | published.keys()):
        milestone, entry, program = milestones.get(name), published.get(name), programs.get(name)
        steps.append(
            Step(
                name=name,
                idea=(milestone.idea if milestone else None) or (entry.idea if entry else None) or "",
                published=entry,
                official=(milestone.official if milestone else None) or (entry.official if entry else None),
                has_script=program is not None,
                changed=None if before is None or program is None else changed_lines(before, program),
            )
        )
        before = before if program is None else program
    return steps


def changed_lines(before: str, now: str) -> tuple[int, int]:
    """Lines added and removed, as difflib pairs them; docstrings, comments and blank lines count too."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), now.splitlines(), autojunk=False)
    changes = [one for one in matcher.get_opcodes() if one[0] != "equal"]
    return sum(one[4] - one[3] for one in changes), sum(one[2] - one[1] for one in changes)


def _column(board: Board) -> Column | None:
    tables = [table for table in board.tables if table.targets and has_steps(table)]
    climbs = [(ladder(table).climbs[0], table.hardware) for table in tables]
    if not climbs:
        return None
    climb, hardware = max(climbs, key=lambda one: len(one[0].rungs))
    rungs = {rung.entry.cohort.milestone: rung for rung in climb.rungs}
    return Column(board.track.name, climb.target, hardware, rungs)


# published.toml


def read_published(path: Path) -> dict[str, Published]:
    """By milestone, in the order of the file; UserError at the first entry that makes no sense."""
    manifest = read_manifest(path)
    return {name: _published(manifest.table(name)) for name in manifest.values}


def _published(entry: Manifest) -> Published:
    url = entry.get("url", str)
    if not url.startswith("https://") or set(url) & set("()<> \n\\"):
        raise UserError(f"{entry.where}: url is {url!r}, but must begin with https:// and hold no space or bracket")
    official = None
    if "record" in entry.values:
        official = Official(
            record=entry.get("record", int),
            minutes=entry.get("minutes", float),
            date=str(entry.values["date"]) if "date" in entry.values else None,
            val_loss=entry.get("val_loss", float, None),
            steps=None,
            tokens=None,
            source=None,
        )
    return Published(
        paper=entry.get("paper", str),
        url=url,
        other_records=entry.all_of("other_records", int),
        idea=entry.get("idea", str, None),
        official=official,
        val_loss_of=entry.get("val_loss_of", int, None),
    )


# Markdown


def table(history: History) -> str:
    """A row for each milestone, and what the figures are."""
    headings = ["milestone", "idea", "paper", "records", "published, 8×H100", "val loss"]
    headings += [f"{one.track}, to {figures.target_text(one.target)}" for one in history.columns]
    aligned = [":--"] * 3 + ["--:"] * (len(headings) - 3) + ["--:"]
    rows, before = [], None
    for step in history.steps:
        measured = [escape(factor(one.rungs.get(step.name), before)) for one in history.columns]
        rows.append([*_told(step), *measured, _changed(step)])
        before = step.name if step.has_script else before
    lines = [[*map(escape, headings), "lines"], aligned, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{_how_to_read(history)}\n"


def _told(step: Step) -> list[str]:
    """The cells that are not measured here."""
    name, entry, official = escape(step.name), step.published, step.official
    minutes, loss = official.minutes if official else None, official.val_loss if official else None
    of = f", #{official.record}" if official and len(step.records) > 1 else ""
    other = f" (#{entry.val_loss_of})" if entry and entry.val_loss_of else ""
    return [
        f"[{name}]({quote(step.name)}/NOTES.md)" if step.has_script else name,
        escape(step.idea),
        f"[{escape(entry.paper)}]({entry.url})" if entry else NONE,
        ranges(step.records) or NONE,
        NONE if minutes is None else f"{minutes:g} min{of}",
        NONE if loss is None else f"{figures.loss(loss)}{other}",
    ]


def _changed(step: Step) -> str:
    if not step.has_script:
        return NO_SCRIPT
    return NONE if step.changed is None else f"+{step.changed[0]} −{step.changed[1]}"


def ranges(numbers: Sequence[int]) -> str:
    """Of 8, 9, 10, 14: "8–10, 14"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join("–".join(map(str, part)) for part in parts)


def factor(rung: Rung | None, before: str | None) -> str:
    """How many times less time than the milestone before, in words; `before`: the one it is expected to be."""
    if rung is None or rung.before is None:
        return NONE
    other = rung.before.cohort.milestone
    if not rung.reach.all_met:
        return f"{rung.reach.met}/{rung.reach.runs} met"
    if rung.time is None or rung.time.ratio is None:
        return f"{other} did not meet it"
    seeds = [len(rung.reach.seed_times), len(rung.before.reaches[0].seed_times)]
    n = f"n = {seeds[0]}" if seeds[0] == seeds[1] else f"n = {seeds[0]} and {seeds[1]}"
    over = "" if other == before else f", over {other}"
    return f"{STANDINGS[rung.time.standing]}{figures.ratio(rung.time.ratio)}, {n}{over}"


def _how_to_read(history: History) -> str:
    where = "; ".join(dict.fromkeys(escape(one.hardware) for one in history.columns))
    measured = (
        "Measured here: time to the track's target, the former milestone's over its own (above 1 is faster), with a "
        f"95% confidence interval; n seeds each; {where}. *No gain shown*: p is not below {SHOWN}, or the interval "
        "holds 1. *k/n met*: so many of its runs met the target. – is not measured, or nothing to compare with. "
    )
    return (
        "Published: the public record table; minutes and val loss are of the record that is named (n = 1 where its log "
        f"is one run). {measured if where else ''}Lines: added and removed against the script before, as Python's "
        "difflib pairs them, docstrings, comments and blank lines included."
    )
