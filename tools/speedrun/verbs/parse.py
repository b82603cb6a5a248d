"""speedrun parse LOG...: run logs as data."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from speedrun.errors import UserError
from speedrun.logs import printable, read_logs
from speedrun.runs import Run


def main(
    logs: Annotated[list[Path], typer.Argument(help="Logs, or folders of them.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="JSON: an object for one file, else a list.")] = False,
) -> None:
    """Show what run logs say: how far, how long, which loss, on what.

    A file that cannot be read is named on standard error and the others are shown; exit code 2 when none can be read.

    Example: speedrun parse runs/20261121T021503Z_00_baseline_toy-cpu
    """
    runs, problems = read_logs(logs)
    if not runs:
        raise UserError("; ".join(problems[:3]) if problems else f"no .txt file below {' '.join(map(printable, logs))}")
    for problem in problems:
        print(f"parse: {problem}", file=sys.stderr)
    alone = len(logs) == 1 and not logs[0].is_dir()
    if as_json:
        documents = [document(run) for run in runs]
        print(json.dumps(documents[0] if alone else documents))
    else:
        show(runs, alone)


def document(run: Run) -> dict[str, Any]:
    """One file's JSON; what is not known is null."""
    header, host = run.header, run.header.host
    return {
        "path": printable(run.path),
        "dialect": "speedrun",
        "runs": [
            {
                "index": 0,
                "run_id": header.run_id,
                "milestone": header.milestone,
                "track": header.track or None,
                "seed": header.seed,
                "planned_steps": run.planned_steps,
                "last_step": run.last_step,
                "finished": run.finished,
                "complete": run.complete,
                "final_val_loss": run.val[-1].loss if run.complete else None,
                "train_time_ms": run.train_time_ms,
                "tokens": run.tokens,
                "val": [list(point) for point in run.val],
                "cpu": host.cpu,
                "cores": host.cores,
                "gpu": host.gpu,
                "gpu_count": host.gpu_count,
                "world_size": header.world_size,
                "python": host.python,
                "torch": host.torch,
                "cuda": host.cuda,
                "driver": host.driver,
                "date": header.started or None,
                "code_sha256": header.code_sha256,
                "program_sha256": run.program_sha256,
                "peak_memory_mib": run.peak_memory_mib,
                "clock_reset_at": None,
                "hyperparameters": header.hyperparameters,
                "warnings": list(run.doubts),
            }
        ],
    }


def show(runs: list[Run], alone: bool) -> None:
    from rich.console import Console

    from speedrun.terminal import grid

    console = Console(highlight=False)
    if alone:
        _show_one(runs[0], console)
    else:
        from speedrun.figures import Cell, Sheet, loss, seconds

        headings = ("log", "milestone", "seed", "state", "step", "val loss", "time")
        rows = []
        for run in runs:
            val_loss = loss(run.val[-1].loss) if run.val else "–"
            header, steps = run.header, f"{run.last_step}/{run.planned_steps}"
            cells = (run.path.name, header.milestone, header.seed, run.state, steps, val_loss)
            rows.append(tuple(Cell(printable(c)) for c in (*cells, seconds(run.train_time_ms / 1000))))
        console.print(grid(Sheet(headings, tuple(rows))))
        complete = sum(run.complete for run in runs)
        console.print(f"{len(runs)} runs, {complete} complete")


def _show_one(run: Run, console: Any) -> None:
    from rich.text import Text

    from speedrun.cohorts import hardware
    from speedrun.figures import Cell, Sheet, loss, seconds, tokens
    from speedrun.terminal import grid

    header = run.header
    facts = {
        "run": header.run_id,
        "milestone": header.milestone,
        "track": header.track or "none",
        "seed": header.seed,
        "state": f"{run.state}, step {run.last_step:,} of {run.planned_steps or 0:,}",
        "trained": f"{tokens(run.tokens)} tokens in {seconds(run.train_time_ms / 1000)}",
        "hardware": hardware(header.host, header.world_size),
        "software": f"Python {header.host.python}, torch {header.host.torch}",
        "program": run.program_sha256 or header.code_sha256,
    }
    for name, fact in facts.items():
        console.print(Text(f"{name:<10} {fact}"))
    for doubt in run.doubts:
        console.print(Text(f"! {doubt}", style="yellow"))
    rows = [(Cell(f"{p.step:,}"), Cell(loss(p.loss)), Cell(seconds(p.ms / 1000))) for p in run.val]
    console.print(grid(Sheet(("step", "val loss", "time"), tuple(rows))))
