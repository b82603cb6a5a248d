"""speedrun parse LOG...: run logs of any dialect as data."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from speedrun.errors import NO, YES, UserError
from speedrun.reading.archive import read_files
from speedrun.reading.logfile import LogFile, LoggedRun
from speedrun.reading.logs import printable


def main(
    logs: Annotated[list[Path], typer.Argument(help="Logs, or folders of them.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="JSON: an object for one file, else a list.")] = False,
    program: Annotated[
        Path | None, typer.Option(metavar="OUT_DIR", help="Write the program inside one log into this folder.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read every file anew; keep nothing.")] = False,
) -> int:
    """Show what run logs say: how far, how long, which loss, on what. Ours, and all of the public speedrun's archive.

    Of a folder, every .txt, .log, .stdout and .out file is read, unless it is unchanged since the last time. What
    cannot be read is named on standard error. Exit code 1 when no file is a run log.

    Example: speedrun parse modded-nanogpt/records/track_1_short
    """
    alone = len(logs) == 1 and not logs[0].is_dir()
    if program and not alone:
        raise UserError("--program takes one log: name a file")
    files, problems = read_files(logs, not no_cache, _progress if sys.stderr.isatty() else None)
    if not files:
        raise UserError("; ".join(problems[:3]) or f"no log-like file below {' '.join(map(printable, logs))}")
    for problem in problems:
        print(f"parse: {problem}", file=sys.stderr)
    if program:
        _write_program(logs[0], program)
    if as_json:
        documents = [document(file) for file in files]
        print(json.dumps(documents[0] if alone else documents))
    elif not alone or files[0].runs:
        show(files, alone)
    if alone and files[0].reason:
        print(f"parse: {files[0].path}: {files[0].reason}", file=sys.stderr)
    return YES if any(file.runs for file in files) else NO


def _progress(done: int, total: int) -> None:
    if total > 200 and (done % 100 == 0 or done == total):
        print(f"\rread {done:,} of {total:,} files", end="\n" if done == total else "", file=sys.stderr)


def document(file: LogFile) -> dict[str, Any]:
    """One file's JSON; what is not known is null."""
    table = {
        "path": file.path,
        "dialect": file.dialect,
        "runs": [_run(file, run) for run in file.runs],
        "program_files": file.program_files,
    }
    return table if file.reason is None else table | {"reason": file.reason}


def _run(file: LogFile, run: LoggedRun) -> dict[str, Any]:
    return {
        "index": run.index,
        "planned_steps": run.planned_steps,
        "last_step": run.last_step,
        "complete": run.complete,
        "final_val_loss": final_val_loss(run),
        "train_time_ms": run.final.ms if run.final else None,
        "val": run.val,
        "gpu": file.gpu,
        "gpu_count": file.gpu_count,
        "python": file.python,
        "torch": file.torch,
        "cuda": file.cuda,
        "driver": file.driver,
        "date": file.date,
        "program_sha256": file.program_sha256,
        "peak_memory_mib": file.peak_memory_mib,
        "clock_reset_at": run.clock_reset_at,
        "warnings": run.warnings,
        **file.more,
    }


def final_val_loss(run: LoggedRun) -> float | None:
    """None where the log shows that the run is not complete. A log that states no plan (llm.c's) cannot show it."""
    return run.final.loss if run.final and (run.complete or run.planned_steps is None) else None


def _write_program(log: Path, folder: Path) -> None:
    from speedrun.files import whole_file
    from speedrun.reading.programs import embedded, split

    program = embedded(log.read_bytes())
    if program is None:
        raise UserError(f"{printable(log)}: holds no program")
    files = split(program)
    for file in files:
        if (folder / file.name).exists():
            raise UserError(f"{printable(folder / file.name)} exists: name another folder, or move it away")
    for file in files:
        with whole_file(folder / file.name) as opened:
            opened.write(file.text)
        print(f"parse: wrote {printable(folder / file.name)}", file=sys.stderr)


def show(files: list[LogFile], alone: bool) -> None:
    from speedrun.reading.log_tables import show_file, show_files

    if alone:
        show_file(files[0])
    else:
        show_files(files)
