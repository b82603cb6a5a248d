"""Plans: what was decided before the first run, and what came of it.

A plan is a folder runs/PLAN/ with plan.json (milestone, program, track, seeds, flags), one run log a run, and
outcomes.jsonl, one line a run. The same folder lies below records/ once it is submitted.

    plan = create_plan(milestone, track, [1, 2, 3], nproc=2, flags={"num_iterations": 100}, now=datetime.now(UTC))
    add_outcome(plan, Outcome(...))
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from speedrun import house
from speedrun.files import write_text
from speedrun.machine import silicon
from speedrun.milestones import Milestone
from speedrun.reading.logs import printable
from speedrun.reading.runs import Run
from speedrun.tracks import Track

FORMAT = 1
PLAN_FILE, OUTCOMES_FILE = "plan.json", "outcomes.jsonl"
MAX_BYTES = 1 << 20  # what is larger is no plan


@dataclass(frozen=True)
class Plan:
    plan: str  # its id, and the name of its folder
    milestone: str
    revision: int
    code_sha256: str
    track: str
    runs: int
    seeds: tuple[int, ...]
    nproc: int  # processes of one run
    flags: dict[str, Any]  # all that is passed to the script, but for what differs by run
    created: str  # UTC; plans of one call, whose runs take turns, have the same
    without: tuple[str, ...] = ()  # techniques turned off, by their names in milestone.toml
    silicon: str | None = None  # the chip: a CPU's name in the run log may stand for several

    @property
    def folder(self) -> Path:
        return house.runs() / self.plan

    @property
    def label(self) -> str:
        return f"{self.milestone} without {', '.join(self.without)}" if self.without else self.milestone

    def log(self, seed: int) -> Path:
        return self.folder / f"seed_{seed}.txt"

    def run_id(self, seed: int) -> str:
        return f"{self.plan}_seed_{seed}"

    def arguments(self, seed: int) -> list[str]:
        """The script's flags for one run; paths are relative to the clone's top folder."""
        log = self.log(seed).relative_to(house.root())
        own = {"track": self.track, "seed": seed, "run_id": self.run_id(seed), "log_file": log}
        return [f"--{field}={value}" for field, value in (self.flags | own).items()]


@dataclass(frozen=True)
class Outcome:
    run_id: str
    seed: int
    log: str | None  # its name in the plan's folder; None: the run ended before it had one
    exit_code: int
    finished: str | None  # as the log says it: completed, diverged, interrupted; None: it was cut off
    final_val_loss: float | None  # nats a token
    wall_s: float  # from start to end of the process, imports included


def create_plan(
    milestone: Milestone,
    track: Track,
    seeds: Sequence[int],
    nproc: int,
    flags: dict[str, Any],
    now: datetime,
    without: Sequence[str] = (),
) -> Plan:
    """Make the plan's folder and write its plan.json; leaves no folder when that fails. `now`: of the call, in UTC."""
    folder = _new_folder(f"{now:%Y%m%dT%H%M%SZ}_{'-'.join([milestone.name, *without])}_{track.name}")
    plan = Plan(
        plan=folder.name,
        milestone=milestone.name,
        revision=milestone.revision,
        code_sha256=milestone.check_frozen(),
        track=track.name,
        runs=len(seeds),
        seeds=tuple(seeds),
        nproc=nproc,
        flags=flags,
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        without=tuple(without),
        silicon=silicon(),
    )
    try:
        write_text(folder / PLAN_FILE, json.dumps({"speedrun_plan": FORMAT} | asdict(plan), indent=1) + "\n")
    except BaseException:
        folder.rmdir()
        raise
    return plan


def _new_folder(name: str) -> Path:
    house.runs().mkdir(exist_ok=True)
    number = 1
    while True:
        folder = house.runs() / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def add_outcome(plan: Plan, outcome: Outcome) -> None:
    """Add one line to outcomes.jsonl; the file is always whole."""
    path = plan.folder / OUTCOMES_FILE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text(path, before + json.dumps(asdict(outcome)) + "\n")


def revisions(runs: Iterable[Run]) -> dict[tuple[str, str], int]:
    """The revision of each (milestone, program's sha256), as the plans beside these runs' logs tell it.

    A plan that is not there or makes no sense tells nothing; anyone may have written it. See damaged().
    """
    found = {}
    for plan in _plans_beside(runs).values():
        milestone, sha256, revision = (plan.get(name) for name in ("milestone", "code_sha256", "revision"))
        if isinstance(milestone, str) and isinstance(sha256, str) and type(revision) is int and revision > 0:
            found[milestone, sha256] = revision
    return found


def sessions(runs: Iterable[Run]) -> dict[Path, str]:
    """For each folder of these runs when its plan was created: the same for plans whose runs took turns."""
    return {folder: str(plan["created"]) for folder, plan in _plans_beside(runs).items() if plan.get("created")}


def damaged(runs: Iterable[Run]) -> list[str]:
    """A line for each plan beside these runs that is there and cannot be read."""
    return [
        f"{printable(folder / PLAN_FILE)}: is not readable as a plan, so its runs' revision and session are not known"
        for folder, plan in _plans_beside(runs).items()
        if not plan and (folder / PLAN_FILE).exists()
    ]


def _plans_beside(runs: Iterable[Run]) -> dict[Path, dict[str, Any]]:
    return {folder: _read(folder / PLAN_FILE) for folder in sorted({run.path.parent for run in runs})}


def _read(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return {}
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return plan if isinstance(plan, dict) else {}


def drop_if_unused(plan: Plan) -> None:
    """Remove the folder of a plan of which no run has begun."""
    if {path.name for path in plan.folder.iterdir()} <= {PLAN_FILE}:
        (plan.folder / PLAN_FILE).unlink(missing_ok=True)
        plan.folder.rmdir()
