"""speedrun replay: run milestones on a track by local torchrun, and keep plan, logs and outcomes in runs/PLAN/."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from speedrun import house
from speedrun.board.cohorts import met_at
from speedrun.errors import UserError
from speedrun.replay.following import Display, display
from speedrun.replay.plans import Plan
from speedrun.replay.replaying import Done, Replayed, prepare, replay
from speedrun.replay.torchrun import signals_interrupt
from speedrun.tracks import DEFAULT, Track

OURS = ("seed", "run_id", "log_file", "track")  # flags of a script that replay itself sets for each run
NUMBERS = ("seed", "val loss", "trained")  # columns


def main(
    milestones: Annotated[list[str], typer.Argument(help='names such as 00_baseline or 00, or "train"')],
    track: Annotated[str, typer.Option(help="a folder of records/")] = DEFAULT,
    runs: Annotated[int, typer.Option(help="runs of each milestone, one seed each")] = 1,
    # One process is right for a CPU, where threads share the work, and for one GPU; more must be a decision, since
    # times at different numbers of processes do not compare.
    nproc: Annotated[int, typer.Option(help="processes of a run: 1, 2, 4 or 8; one a GPU")] = 1,
    seed: Annotated[int, typer.Option(help="of the first run; the next ones count up")] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="another value for a flag of the script")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="TECHNIQUE", help="turn it off, in spite of any --set; may be repeated")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="plans and outcomes as one JSON document")] = False,
) -> int:
    """Run milestones on a track and keep their logs in runs/PLAN/. Several take turns.

    \b
    speedrun replay 00_baseline --track toy-cpu --runs 3
    speedrun replay 00_baseline train --track toy-cpu --runs 5 --nproc 2 --set num_iterations=500
    speedrun replay 04_skip_connections --without value_embeddings --without unet_skips
    """
    with signals_interrupt():
        jobs = prepare(milestones, track, runs, seed, nproc, parse_settings(settings or []), without or [])
        shown = display()
        replayed = replay(jobs, shown)
    if as_json:
        print(json.dumps(document(replayed), indent=1))
    elif not replayed.interrupted:
        show(replayed, jobs[0].track)
    if replayed.interrupted:
        report_interruption(replayed, shown)
    return replayed.exit_code


def parse_settings(settings: list[str]) -> dict[str, str]:
    parsed = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip().lstrip("-")
        if not equals or not name.isidentifier():
            raise UserError(f"--set {setting}: must be FIELD=VALUE, such as num_iterations=100")
        if name in OURS:
            raise UserError(f"--set {setting}: replay sets {name} itself for each run; there are --seed and --track")
        parsed[name] = value
    return parsed


def document(replayed: Replayed) -> dict[str, Any]:
    def outcomes(plan: Plan) -> list[dict[str, Any]]:
        return [asdict(done.outcome) for done in replayed.done if done.plan == plan]

    return {"plans": [asdict(plan) | {"outcomes": outcomes(plan)} for plan in replayed.plans]}


def show(replayed: Replayed, track: Track) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("milestone", "seed", "ended", "val loss", "trained", target_heading(track)):
        table.add_column(heading, justify="right" if heading in NUMBERS else "left")
    for done in replayed.done:
        table.add_row(*(Text(cell) for cell in row(done, track)))
    console = Console()
    console.print(table)
    for plan in replayed.plans:
        if plan.folder.exists():
            console.print(house.shown(plan.folder), markup=False, highlight=False, soft_wrap=True)
    if any(done.state == "completed" for done in replayed.done):
        console.print("next: speedrun leaderboard --from runs", highlight=False)


def target_heading(track: Track) -> str:
    return f"target {track.target.val_loss[0]:g}" if track.target.val_loss else "target"


def row(done: Done, track: Track) -> list[str]:
    run = done.run
    loss = f"{run.val[-1].loss:.4f}" if run and run.val else "-"
    trained = f"{run.train_time_ms / 1000:.1f} s" if run else "-"
    return [done.plan.label, str(done.outcome.seed), done.state, loss, trained, target_met(done, track)]


def target_met(done: Done, track: Track) -> str:
    if not track.target.val_loss:
        return f"the final loss of {track.anchor}"
    if not done.run or (track.target.final and not done.run.complete):
        return "not met"
    point = met_at(done.run, track.target.val_loss[0], track.target.final)
    return f"step {point.step:,}, {point.ms / 1000:.1f} s" if point else "not met"


def report_interruption(replayed: Replayed, shown: Display, verb: str = "replay") -> None:
    planned = sum(plan.runs for plan in replayed.plans)
    completed = sum(done.state == "completed" for done in replayed.done)
    folder = house.shown(replayed.done[-1].plan.folder)
    shown.say(f"{verb}: interrupted; {completed} of {planned} runs were completed; the log so far is in {folder}")
