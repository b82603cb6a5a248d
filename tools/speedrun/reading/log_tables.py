"""Logs in the terminal: one as a sheet of facts, several as a table and counts by dialect.

    show_files(read_files([Path("records")])[0])

All text is out of logs, so it is shown as it is and never taken for markup.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from speedrun.board.figures import NONE, Cell, Sheet, loss, seconds, tokens
from speedrun.board.terminal import grid, print_whole
from speedrun.reading.logfile import LogFile, LoggedRun

DIALECTS = {
    "source-first": "the program, the machine, the steps",
    "separator-first": "a line of =, the program, the machine, the steps",
    "llm.c": "losses alone, without program or times",
    "console": "what a terminal showed, without the program",
    "fragment": "one validation line",
    "speedrun": "our own format",
    "none": "not run logs",
}

NAMED = 5  # files that are not logs and are named one by one


def show_file(file: LogFile) -> None:
    console = Console(highlight=False, soft_wrap=True)
    facts = {"log": file.path, "dialect": f"{file.dialect} ({DIALECTS[file.dialect]})", **_identity(file)}
    if len(file.runs) == 1:
        facts |= _run_facts(file, file.runs[0])
    facts |= _machine_facts(file)
    for name, fact in facts.items():
        console.print(Text(f"{name:<10} {fact}"))
    if len(file.runs) == 1:
        _show_run(console, file.runs[0])
    else:
        _show_runs(console, file)


def _show_run(console: Console, run: LoggedRun) -> None:
    for warning in run.warnings:
        console.print(Text(f"! {warning}", style="yellow"))
    rows = [(Cell(f"{val.step:,}"), Cell(loss(val.loss)), Cell(_time(val.ms))) for val in run.val]
    console.print(grid(Sheet(("step", "val loss", "time"), tuple(rows))))


def _show_runs(console: Console, file: LogFile) -> None:
    rows = [(Cell(str(run.index + 1)), *_run_cells(file, run)) for run in file.runs]
    console.print(grid(Sheet(("run", "state", "step", "val loss", "time"), tuple(rows))))
    console.print(Text(_counted([file])))
    warnings = Counter(warning for run in file.runs for warning in run.warnings[1:])  # [0]: which run it is
    for warning, count in warnings.items():
        console.print(Text(f"! {warning}" + (f" ({count} runs)" if count > 1 else ""), style="yellow"))


def show_files(files: Sequence[LogFile]) -> None:
    """A table a folder with a row a run; then what the files are."""
    console = Console(highlight=False, soft_wrap=True)
    for folder, members in groupby(sorted(files, key=_folder), _folder):
        rows = [
            (Cell(_named(file, run)), *_run_cells(file, run), Cell(_hardware(file, brief=True)))
            for file in members
            for run in file.runs
        ]
        if rows:
            console.print(Text(folder or ".", style="cyan"))
            print_whole(console, grid(Sheet(("log", "state", "step", "val loss", "time", "hardware"), tuple(rows))))
            console.print()
    _show_dialects(console, files)


def _folder(file: LogFile) -> str:
    return file.path.rpartition("/")[0]


def _show_dialects(console: Console, files: Sequence[LogFile]) -> None:
    rows = []
    for dialect in DIALECTS:
        members = [file for file in files if file.dialect == dialect]
        if members:
            rows.append((Cell(dialect), *(Cell(f"{count:,}") for count in (len(members), *_counts(members)))))
    console.print(grid(Sheet(("dialect", "files", "runs", "complete", "distinct"), tuple(rows))))
    others = [file for file in files if file.reason]
    console.print(Text(f"{len(files):,} files ({len(others):,} not logs): {_counted(files)}"))
    for file in others[:NAMED]:
        console.print(Text(f"! {file.path}: {file.reason}", style="dim"))
    if len(others) > NAMED:
        console.print(Text(f"! and {len(others) - NAMED:,} more that are not logs", style="dim"))


def _identity(file: LogFile) -> dict[str, str]:
    """What our own logs say of themselves."""
    if not file.more:
        return {}
    more = file.more
    return {
        "run": more["run_id"],
        "milestone": more["milestone"],
        "track": more["track"] or "none",
        "seed": str(more["seed"]),
        "trained": f"{tokens(more['tokens'])} tokens",
    }


def _run_facts(file: LogFile, run: LoggedRun) -> dict[str, str]:
    planned = "a number not stated" if run.planned_steps is None else f"{run.planned_steps:,}"
    last = f"{loss(run.final.loss)} after step {run.final.step:,}" if run.final else NONE
    return {
        "state": f"{_state(file, run)}, step {run.last_step or 0:,} of {planned}",
        "val loss": last,
        "time": _time(run.final.ms if run.final else None),
    }


def _machine_facts(file: LogFile) -> dict[str, str]:
    stated = {"Python": file.python, "torch": file.torch, "CUDA": file.cuda, "driver": file.driver}
    memory = "not stated" if file.peak_memory_mib is None else f"{file.peak_memory_mib:,} MiB at most"
    return {
        "hardware": _hardware(file),
        "software": ", ".join(f"{name} {value}" for name, value in stated.items() if value) or "not stated",
        "memory": memory,
        "date": file.date or "not stated",
        "program": file.program_sha256 or "not in the log",
        "files": ", ".join(file.program_files) or NONE,
    }


def _hardware(file: LogFile, brief: bool = False) -> str:
    processors = file.more.get("cpu")
    if not file.gpu and not file.gpu_count:
        return processors or (NONE if brief else "not stated")
    name = (file.gpu or "GPUs of an unstated kind").removeprefix("NVIDIA " if brief else "")
    return f"{file.gpu_count or '?'} × {name}"


def _state(file: LogFile, run: LoggedRun) -> str:
    if "state" in file.more:
        return file.more["state"]
    return "complete" if run.complete else "unknown" if run.planned_steps is None else "incomplete"


def _named(file: LogFile, run: LoggedRun) -> str:
    name = file.path.rpartition("/")[2]
    place = f" run {run.index + 1}" if len(file.runs) > 1 else ""
    return name + place + (f" ({file.more['milestone']}, seed {file.more['seed']})" if file.more else "")


def _run_cells(file: LogFile, run: LoggedRun) -> tuple[Cell, ...]:
    planned = "?" if run.planned_steps is None else str(run.planned_steps)
    return (
        Cell(_state(file, run)),
        Cell(f"{run.last_step}/{planned}"),
        Cell(loss(run.final.loss) if run.final else NONE),
        Cell(_time(run.final.ms if run.final else None)),
    )


def _time(ms: float | None) -> str:
    return NONE if ms is None else seconds(ms / 1000)


def _counts(files: Sequence[LogFile]) -> tuple[int, int, int]:
    """Runs, complete runs, and runs that are no copies of each other."""
    runs = [run for file in files for run in file.runs]
    distinct = {identity for file in files for identity in file.identities}
    return len(runs), sum(run.complete for run in runs), len(distinct)


def _counted(files: Sequence[LogFile]) -> str:
    runs, complete, distinct = _counts(files)
    copies = f", {distinct:,} distinct (the others are copies)" if distinct < runs else ""
    return f"{runs:,} runs, {complete:,} complete{copies}"
