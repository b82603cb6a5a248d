"""The boards as tables in a terminal of 80 columns or more; names out of logs are never taken for markup."""

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_lowercase

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from speedrun.board import figures
from speedrun.board.figures import Sheet
from speedrun.board.normalized import across
from speedrun.board.ranking import Board, Table

LEFT = ("milestone", "log", "state", "hardware")
SPARED = ("tokens", "above floor")  # columns that other columns and the target line tell too, the first to go first


def show_boards(console: Console, boards: Sequence[Board]) -> None:
    roomy = console.width >= 120
    for board in boards:
        if not board.tables and not board.problems:
            continue
        console.print(Text(board.track.title, style="bold"), Text(f"({board.track.name})", style="dim"))
        console.print(Text(f"Target: {figures.target_line(board)}"))
        for table in filter(lambda table: table.entries, board.tables):
            console.print()
            console.print(Text(table.hardware, style="cyan"))
            _show_table(console, board, table, roomy)
            for remark in figures.remarks(board, table):
                console.print(Text(remark, style="dim"))
        _show_across(console, board, roomy)
        for problem in board.problems:
            console.print(Text(f"! {problem}", style="yellow"))
        console.print()


def _show_table(console: Console, board: Board, table: Table, roomy: bool) -> None:
    sheets = [figures.sheet(table, board.track.data.floor), figures.further(table)]
    _show_sheets(console, [sheet for sheet in sheets if sheet], roomy)


def _show_across(console: Console, board: Board, roomy: bool) -> None:
    for one in across(board):
        console.print()
        console.print(Text("Across machines: anchor-normalized time", style="cyan"))
        _show_sheets(console, [figures.across(one)] if one.rows else [], roomy)
        for remark in figures.across_remarks(board, one):
            console.print(Text(remark, style="dim"))


def _show_sheets(console: Console, sheets: Sequence[Sheet], roomy: bool) -> None:
    """One below the other; where the first does not fit, what tells entries apart stands below the last."""
    marks = {} if not sheets or fits(console, grid(sheets[0], roomy)) else _marks(sheets)
    for number, sheet in enumerate(sheets):
        sheet = _marked(sheet, marks)
        for heading in SPARED:
            if not fits(console, grid(sheet, roomy)):
                sheet = figures.without(sheet, heading)
        if number:
            console.print()
        console.print(grid(sheet, roomy))
    console.print()
    for note, mark in marks.items():
        console.print(Text(f"({mark}) {note}", style="dim"))


def fits(console: Console, table: RichTable) -> bool:
    """Whether nothing in it has to wrap."""
    return _natural_width(console, table) <= console.width


def print_whole(console: Console, table: RichTable) -> None:
    """In a terminal as wide as that is; in a file or a pipe as wide as need be, so that names can be searched for."""
    if not console.is_terminal:
        console = Console(file=console.file, width=max(console.width, _natural_width(console, table)))
    console.print(table)


def _natural_width(console: Console, table: RichTable) -> int:
    return console.measure(table, options=console.options.update(max_width=10_000)).maximum


def _marks(sheets: Sequence[Sheet]) -> dict[str, str]:
    """Note behind a milestone's name -> a letter, or a number where letters do not suffice."""
    cells = [row[sheet.headings.index("milestone")] for sheet in sheets for row in sheet.rows]
    notes = list(dict.fromkeys(cell.note for cell in cells if cell.note))
    marks = ascii_lowercase if len(notes) <= len(ascii_lowercase) else map(str, range(1, len(notes) + 1))
    return dict(zip(notes, marks, strict=False))


def _marked(sheet: Sheet, marks: dict[str, str]) -> Sheet:
    rows = tuple(tuple(replace(cell, note=marks.get(cell.note, cell.note)) for cell in row) for row in sheet.rows)
    return replace(sheet, rows=rows)


def grid(sheet: Sheet, roomy: bool = True) -> RichTable:
    """Not `roomy`: brief figures, for 80 columns. Numbers never wrap, names do."""
    table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in sheet.headings:
        if heading in LEFT:
            table.add_column(heading, overflow="fold", min_width=12)
        else:
            table.add_column(heading if roomy else heading.replace(" ", "\n", 1), justify="right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*(Text(cell.full if roomy else cell.brief) for cell in row))
    return table
