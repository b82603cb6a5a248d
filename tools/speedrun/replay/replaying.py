"""Replaying milestones on a track: everything is checked first, then runs follow one another, each kept as it ends.

    jobs = prepare(["00_baseline"], "toy-cpu", runs=3, seed=1, nproc=2, settings={})
    replayed = replay(jobs, display())

Several milestones take turns (A B A B), so that a machine that gets slower or faster hits all of them alike.
Not here: arguments and printing of results (verbs/replay.py), judging of the runs (cohorts.py, ranking.py).
"""

import importlib.util
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedrun import house
from speedrun.errors import INTERRUPTED, NO, WRONG_CALL, YES, UserError
from speedrun.files import write_text
from speedrun.machine import cpp_compiler
from speedrun.milestones import Milestone, load_milestone
from speedrun.reading.logs import LogError, printable, read_log
from speedrun.reading.runs import Run
from speedrun.replay.following import Display, Follower
from speedrun.replay.plans import Outcome, Plan, add_outcome, create_plan, drop_if_unused
from speedrun.replay.torchrun import Ended, run_script
from speedrun.tracks import Track, load_track

DIVERGED = 3  # exit code of a training script
LAST_LINES = 15  # of a crashed rank's standard error
WORLD_SIZES = (1, 2, 4, 8)  # what a frozen script can run at


@dataclass(frozen=True)
class Job:
    """One milestone on one track, checked and ready to be planned."""

    milestone: Milestone
    track: Track
    seeds: tuple[int, ...]
    nproc: int
    flags: dict[str, Any]
    without: tuple[str, ...] = ()  # techniques turned off


@dataclass(frozen=True)
class Done:
    plan: Plan
    outcome: Outcome
    run: Run | None  # None: no readable log
    ended: Ended

    @property
    def state(self) -> str:
        """completed, diverged, interrupted, crashed, or what else the log shows of a run that ended well."""
        code = self.outcome.exit_code
        known = {DIVERGED: "diverged", INTERRUPTED: "interrupted", WRONG_CALL: "refused"}
        return known.get(code, "crashed") if code else self.run.state if self.run else "no log"


@dataclass
class Replayed:
    plans: list[Plan]
    done: list[Done] = field(default_factory=list)

    @property
    def interrupted(self) -> bool:
        return any(done.state == "interrupted" for done in self.done)

    @property
    def exit_code(self) -> int:
        if self.interrupted:
            return INTERRUPTED
        return YES if all(done.state == "completed" for done in self.done) else NO


def prepare(
    names: Sequence[str],
    track_name: str,
    runs: int,
    seed: int,
    nproc: int,
    settings: Mapping[str, str],
    without: Sequence[str] = (),
) -> list[Job]:
    """Everything that can be checked before anything starts or is written; UserError says what is wrong.

    `settings` are other values for flags, `without` names techniques to turn off, in spite of any setting.
    """
    if nproc not in WORLD_SIZES:
        raise UserError(f"--nproc {nproc}: the number of processes must divide 8: {', '.join(map(str, WORLD_SIZES))}")
    if runs < 1:
        raise UserError(f"--runs {runs}: must be at least 1")
    if importlib.util.find_spec("torch") is None:
        raise UserError(f"torch is not installed in {sys.executable}: run `make setup`, then use .venv/bin/")
    track = load_track(track_name)
    jobs = []
    for name in names:
        milestone = load_milestone(name)
        milestone.check_frozen()
        switched = milestone.flags_without(without)
        flags = data_flags(track) | milestone.flags_for(track) | dict(settings) | switched
        check_data(track, flags)
        check_compiler(flags)
        jobs.append(Job(milestone, track, tuple(range(seed, seed + runs)), nproc, flags, tuple(dict.fromkeys(without))))
    return jobs


def data_flags(track: Track) -> dict[str, Any]:
    return {"train_files": track.data.train, "val_files": track.data.val, "val_tokens": track.data.val_tokens}


def check_data(track: Track, flags: Mapping[str, Any]) -> None:
    """Refuse to start without shards: a milestone may take a minute to find that out."""
    for name in ("train_files", "val_files"):
        pattern = Path(str(flags[name]))
        folder = house.root() / pattern.parent
        try:
            found = house.files(str(flags[name]))
        except ValueError as error:  # no name, or ** inside of one
            raise UserError(f"{name}={flags[name]}: names no files: {error}") from None
        if not found:
            state = "is empty of them" if folder.is_dir() else "does not exist"
            raise UserError(f"no shards at {pattern}: {house.shown(folder)} {state}; to get them: {track.data.make}")


def check_compiler(flags: Mapping[str, Any]) -> None:
    """Refuse torch.compile without a C++ compiler, of which PyTorch says so in a traceback; not where GPUs may be."""
    name, found = cpp_compiler()
    if str(flags.get("compile")).lower() == "true" and not found and shutil.which("nvidia-smi") is None:
        raise UserError(
            f"compile=true needs the C++ compiler {name}, which is not here: install it, or name another in CXX"
        )


def replay(jobs: Sequence[Job], shown: Display) -> Replayed:
    """Run all jobs in turns. Ctrl-C during a run ends the replay, with that run's outcome kept.

    UserError when a script refuses its flags or data. A run that diverges does not keep the others from starting; a
    plan whose first run crashes is given up, since the others would most likely crash too.
    """
    replayed, now = Replayed([]), datetime.now(UTC)
    try:
        for job in jobs:
            plan = create_plan(job.milestone, job.track, job.seeds, job.nproc, job.flags, now, job.without)
            replayed.plans.append(plan)
        take_turns(jobs, replayed, shown)
    finally:
        for plan in replayed.plans:
            drop_if_unused(plan)
    return replayed


def take_turns(jobs: Sequence[Job], replayed: Replayed, shown: Display) -> None:
    pairs = list(zip(jobs, replayed.plans, strict=True))
    turns = [(job, plan, number) for number in range(len(jobs[0].seeds)) for job, plan in pairs]
    given_up = set()
    for turn, (job, plan, number) in enumerate(turns, 1):
        if plan.plan in given_up:
            continue
        seed = plan.seeds[number]
        shown.start(f"run {turn} of {len(turns)}: {plan.label} on {plan.track}, seed {seed}")
        done = run_once(job, plan, seed, shown)
        replayed.done.append(done)
        if done.state == "interrupted":
            return
        shown.say("\n".join(report(done)))
        if done.state == "crashed" and number == 0:
            given_up.add(plan.plan)


def run_once(job: Job, plan: Plan, seed: int, shown: Display) -> Done:
    if job.milestone.code_sha256() != plan.code_sha256:
        raise UserError(
            f"{house.shown(job.milestone.script)} changed while its plan ran: {plan.plan} stops here; replay it again"
        )
    started = time.monotonic()
    try:
        follower = Follower(plan.log(seed), shown)
        ended = run_script(job.milestone.script, plan.arguments(seed), plan.nproc, house.root(), follower.line)
    finally:
        shown.end()
    run = read(plan.log(seed))
    outcome = Outcome(
        run_id=plan.run_id(seed),
        seed=seed,
        log=plan.log(seed).name if plan.log(seed).exists() else None,
        exit_code=ended.exit_code,
        finished=run.finished if run else None,
        final_val_loss=run.final_val_loss if run else None,
        wall_s=round(time.monotonic() - started, 1),
    )
    done = Done(plan, outcome, run, ended)
    if done.state == "refused" and outcome.log is None:  # it never began
        raise UserError(refusal(done))
    add_outcome(plan, outcome)
    if done.state == "refused":
        raise UserError(refusal(done))
    if done.state == "crashed":
        write_text(stderr_file(done), full_text(ended))
    return done


def read(log: Path) -> Run | None:
    try:
        return read_log(log)
    except LogError:
        return None


def refusal(done: Done) -> str:
    """The script's own line about what is wrong."""
    for text in done.ended.stderr.values():
        if lines := text.strip().splitlines():
            return f"{done.plan.milestone}: {printable(lines[-1]).removeprefix('train_gpt2.py: ')}"
    return f"{done.plan.milestone}: the script refused its flags or data without a word"


def stderr_file(done: Done) -> Path:
    """Not .txt: those are run logs."""
    return done.plan.folder / f"seed_{done.outcome.seed}.stderr"


def full_text(ended: Ended) -> str:
    ranks = [f"==== rank {rank}\n{text}\n" for rank, text in ended.stderr.items()]
    return "".join([*ranks, f"==== torchrun\n{ended.launcher}"])


def indentation(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()))


def report(done: Done) -> list[str]:
    """How a run ended: one line, or for a crash which rank, how, its last lines, and where the rest is."""
    plan, ended, run = done.plan, done.ended, done.run
    if done.state != "crashed":
        after = f" after {run.last_step} steps, val loss {run.val[-1].loss:.4f}" if run and run.val else ""
        return [f"  {done.state}{after}, {done.outcome.wall_s:.1f} s in all"]
    who = "torchrun" if ended.rank is None else f"rank {ended.rank} of {plan.nproc}"
    how = f"exit code {ended.exit_code}" if ended.exit_code >= 0 else f"signal {-ended.exit_code}"
    text = ended.launcher if ended.rank is None else ended.stderr.get(ended.rank, "")
    lines = [f"  | {indentation(line)}{printable(line)}" for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return [
        f"  {who} crashed ({how})" + (", saying last:" if lines else ""),
        *lines,
        f"  all that was said: {house.shown(stderr_file(done))}",
    ]
