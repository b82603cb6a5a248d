"""speedrun ablate: run a milestone, and it without each of its techniques, in turns; say what each is worth alone."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from speedrun import house
from speedrun.board.ablations import Ablation, Variant, Worth, ablations, recognised, switches
from speedrun.board.cohorts import group
from speedrun.errors import UserError
from speedrun.inference import spread
from speedrun.milestones import FILE, Milestone, load_milestone
from speedrun.replay.following import display
from speedrun.replay.replaying import Job, Replayed, prepare, replay
from speedrun.replay.torchrun import signals_interrupt
from speedrun.tracks import DEFAULT
from speedrun.verbs.replay import document, parse_settings, report_interruption

SPARED = ("steps", "time to")  # columns that a narrow terminal does without, the first to go first


def main(
    milestone: Annotated[str, typer.Argument(help='a name such as 04_skip_connections or 04, or "train"')],
    track: Annotated[str, typer.Option(help="a folder of records/")] = DEFAULT,
    runs: Annotated[int, typer.Option(help="runs of each variant, one seed each; one alone tells no p")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(metavar="TECHNIQUE", help="this one instead of all; may be repeated")
    ] = None,
    nproc: Annotated[int, typer.Option(help="processes of a run: 1, 2, 4 or 8; one a GPU")] = 1,
    seed: Annotated[int, typer.Option(help="of the first run; the next ones count up")] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="another value for a flag of the script")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="plans, outcomes and the table as one JSON document")] = False,
) -> int:
    """Run a milestone, and it without each of its techniques, in turns; say what each is worth alone.

    A technique can be turned off if milestone.toml has a switch for it ([without.NAME]). Logs are kept in runs/PLAN/.

    \b
    speedrun ablate 04_skip_connections --track toy-cpu --runs 3
    speedrun ablate 04 --runs 5 --only value_embeddings --only unet_skips
    """
    with signals_interrupt():
        jobs = variants(load_milestone(milestone), track, only or [], runs, seed, nproc, parse_settings(settings or []))
        shown = display()
        replayed = replay(jobs, shown)
    found = judged(jobs[0], replayed)
    if as_json:
        print(json.dumps(document(replayed) | {"ablation": found and as_data(found, jobs[0])}, indent=1))
    elif not replayed.interrupted:
        show(found, jobs[0], replayed)
    if replayed.interrupted:
        report_interruption(replayed, shown, "ablate")
    return replayed.exit_code


def variants(
    milestone: Milestone, track: str, only: Sequence[str], runs: int, seed: int, nproc: int, settings: dict[str, str]
) -> list[Job]:
    """The full program first, then it without each technique; UserError where none can be turned off."""
    techniques = tuple(dict.fromkeys(only)) or tuple(switches(milestone, track))
    if not techniques:
        manifest = house.shown(milestone.folder / FILE)
        raise UserError(f"no technique of {milestone.name} can be turned off on {track}: see [without] in {manifest}")
    sets = [(), *((name,) for name in techniques)]
    return [prepare([milestone.name], track, runs, seed, nproc, settings, off)[0] for off in sets]


def judged(job: Job, replayed: Replayed) -> Ablation | None:
    """None without a complete run of the full program, and of at least one without a technique."""
    cohorts = group([done.run for done in replayed.done if done.run])
    known = switches(job.milestone, job.track.name)
    ablated = recognised(cohorts, {job.milestone.name: known})
    full = [cohort for cohort in cohorts if all(cohort is not one.cohort for one in ablated)]
    # all ran in one session: the plans need not be asked
    found = ablations(full, ablated, job.track.target.val_loss, job.track.target.final, sessions={})
    return found[0] if found else None


def show(found: Ablation | None, job: Job, replayed: Replayed) -> None:
    from rich.console import Console

    from speedrun.board.ablation_markdown import CAPTION, sheet
    from speedrun.board.figures import without
    from speedrun.board.terminal import fits, grid

    console = Console(highlight=False)
    if found:
        table, roomy = sheet(found, job.milestone.name), console.width >= 160
        for heading in SPARED:
            if not fits(console, grid(table, roomy)):
                table = without(table, heading)
        console.print(grid(table, roomy))
        console.print(f"\n{CAPTION}\n", markup=False)
    else:
        console.print("No table: it takes a complete run of the full program, and one without a technique.")
    for plan in replayed.plans:
        if plan.folder.exists():
            console.print(house.shown(plan.folder), markup=False, soft_wrap=True)


def as_data(found: Ablation, job: Job) -> dict[str, Any]:
    return {
        "milestone": job.milestone.name,
        "track": job.track.name,
        "target": found.target,
        "full": _variant(found.full),
        "techniques": [_worth(worth) for worth in found.worths],
    }


def _worth(worth: Worth) -> dict[str, Any]:
    difference = worth.difference
    return _variant(worth.variant) | {
        "difference": {"value": difference.difference, "low": difference.low, "high": difference.high},
        "p_worse": worth.p,
        "same": worth.same,
        "step_time_ratio": worth.step_time._asdict() if worth.step_time else None,
    }


def _variant(variant: Variant) -> dict[str, Any]:
    reach = variant.reach
    steps, seconds = (reach.seed_steps, reach.seed_times) if reach and reach.all_met else ((), ())
    return {
        "without": list(variant.without),
        "val_loss": variant.loss._asdict(),
        "met": reach.met if reach else None,
        "steps": _spread(steps),
        "seconds": _spread(seconds),
    }


def _spread(values: Sequence[float]) -> dict[str, Any] | None:
    found = spread(values)
    return found._asdict() if found else None
