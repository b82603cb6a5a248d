"""A diagnosis (doctor.py) as tables in a terminal of 80 columns or more."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from speedrun.doctor import Diagnosis, Shards
from speedrun.machine import Machine

MEANING = {
    "torch": "it is not installed, or cannot be imported",
    "script": "it is missing, or not the frozen program",
    "flags": "the milestone.toml has none for that track",
    "GPU": "no CUDA GPU that torch can use",
    "data": "no whole token shards; the command above gets them",
}


def show(diagnosis: Diagnosis) -> None:
    console = Console()
    console.print(_machine(diagnosis.machine))
    console.print()
    console.print(_data(diagnosis.shards))
    for command, tracks in _ways_to_data(diagnosis.shards).items():  # not in the table: a folded one cannot be copied
        console.print(Text(f"get {', '.join(tracks)}: {command}"), soft_wrap=True)
    console.print()
    console.print(_matrix(diagnosis))
    missing = {what for start in diagnosis.matrix for what in start.missing}
    for what, meaning in MEANING.items():
        if what in missing:
            console.print(Text(f"{what}: {meaning}", style="dim"))
    for fault in diagnosis.faults:
        console.print(Text(f"! {fault}", style="yellow"), soft_wrap=True)
    console.print()
    if not diagnosis.starts:
        console.print(Text("Nothing starts here yet.", style="bold"))
    for number, command in enumerate(diagnosis.next):
        console.print(Text(f"{'then' if number else 'next'}: {command}", style="bold"), soft_wrap=True)


def _table(*headings: str, gap: int = 2) -> Table:
    padding = (0, gap - 1, 0, 0)  # beside the divider
    table = Table(box=box.SIMPLE_HEAD, padding=padding, pad_edge=False, show_edge=False, show_header=bool(headings))
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    return table


def _machine(machine: Machine) -> Table:
    table = _table()
    for name, value in _facts(machine):
        table.add_row(Text(name, style="bold"), Text(value))
    return table


def _facts(machine: Machine) -> list[tuple[str, str]]:
    memory = f", {machine.memory_gib:.1f} GiB" if machine.memory_gib else ""
    torch = machine.torch or "not installed"
    if machine.torch and machine.torch_fault:
        torch += f", cannot be imported: {' '.join(machine.torch_fault.split())}"
    elif machine.torch:
        torch += ", with a GPU" if machine.cuda else ", on the CPU"
    return [
        ("Python", " ".join(filter(None, [machine.python, machine.python_fault]))),
        ("torch", torch),
        ("CPU", f"{machine.cpu}, {machine.cores} cores{memory}"),
        ("bfloat16", ", ".join(machine.bf16) or "no instructions for it known"),
        ("GPU", "; ".join(machine.gpus) + f", driver {machine.driver}" if machine.gpus else "none"),
        ("disk", f"{machine.disk_free_gib:.1f} GiB free"),
    ]


def _data(shards: Sequence[Shards]) -> Table:
    table = _table("track", "train", "val", "data")
    for found in shards:
        table.add_row(
            Text(found.track),
            Text(_count(found.train, found.train_tokens)),
            Text(_count(found.val, found.val_tokens)),
            Text(found.folder) if found.present else Text("damaged" if found.faults else "missing", style="yellow"),
        )
    return table


def _ways_to_data(shards: Sequence[Shards]) -> dict[str, list[str]]:
    """Command -> the tracks whose missing data it gets."""
    ways: dict[str, list[str]] = {}
    for found in shards:
        if not found.present:
            ways.setdefault(found.make, []).append(found.track)
    return ways


def _count(shards: int, tokens: int) -> str:
    return f"{shards} shard{'s'[: shards != 1]}, {tokens:,}" if shards else "-"


def _matrix(diagnosis: Diagnosis) -> Table:
    """Rows are milestones, columns tracks; a cell says yes or what is missing."""
    tracks = [found.track for found in diagnosis.shards]
    table = _table("starts here", *tracks, gap=1)  # the tracks and longest names that are there just fit 80 columns
    cells: dict[str, list[Text]] = {}
    for start in diagnosis.matrix:
        cell = Text(", ".join(start.missing), style="yellow") if start.missing else Text("yes", style="green")
        cells.setdefault(start.milestone, []).append(cell)
    for milestone, row in cells.items():
        table.add_row(Text(milestone), *row)
    return table
