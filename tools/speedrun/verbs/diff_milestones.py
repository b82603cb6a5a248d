"""speedrun diff_milestones A B: what changed between two training programs, and what it was worth."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speedrun import house
from speedrun.errors import UserError
from speedrun.files import write_text
from speedrun.milestones import all_milestones
from speedrun.reading.logs import printable

if TYPE_CHECKING:
    from speedrun.board.ranking import Board
    from speedrun.study.milestone_diff import Diff

PARTS = ("words", "structure", "lines", "worth")  # as milestone_diff.PARTS, which --help need not load


def main(
    programs: Annotated[
        list[str] | None,
        typer.Argument(metavar="A B", help="03, 03_distributed_muon, live, FILE.py, FOLDER, LOG, or REV:PATH in git"),
    ] = None,
    part: Annotated[list[str] | None, typer.Option(help=f"Only {', '.join(PARTS)}; may be repeated.")] = None,
    unified: Annotated[bool, typer.Option("--unified", help="One column (default below 140 columns).")] = False,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="Two columns (default from 140 on).")] = False,
    comments: Annotated[bool, typer.Option("--comments", help="Unfold changes of comments and docstrings.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one page that opens offline.", metavar="FILE")] = None,
    every: Annotated[
        Path | None, typer.Option("--all", help="Write linked pages of the whole history.", metavar="DIR")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    repo: Annotated[Path | None, typer.Option(help="The clone that REV:PATH looks into.", show_default="here")] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Execute also programs that are not of this house, to count their weights.")
    ] = False,
) -> None:
    """What changed from program A to program B: in words, by structure, by line, and what it was worth.

    Only frozen milestones and the live script are run (their model is built, without memory or GPU); --run does so
    with any other program as well, which executes whatever it holds: give it only for code that you trust.

    \b
    speedrun diff_milestones 03 04
    speedrun diff_milestones 04 live --part lines
    speedrun diff_milestones v1.0:03 03 --html site/03.html
    speedrun diff_milestones --all site/history
    """
    parts = _parts(part or [])
    if every is not None:
        if programs or html or as_json or part or repo or run:
            raise UserError("--all writes the pages of the whole history: give it no programs and no other option")
        _write_history(every)
        return
    if programs is None or len(programs) != 2:
        raise UserError("name two programs, A and B, such as 03 04; see --help for what can be named")
    if unified and side_by_side:
        raise UserError("--unified or --side-by-side, not both")
    diff = _made(programs, PARTS if html else parts, repo, run)
    if html is not None:
        from speedrun.study.diff_page import render

        write_text(html, render(diff))
    if as_json:
        from speedrun.study.milestone_diff import document

        print(json.dumps(document(diff, parts)))
    elif html is not None:
        print(house.shown(html))
    else:
        from rich.console import Console

        from speedrun.study.diff_terminal import WIDE, show

        console = Console(highlight=False)
        show(console, diff, parts, side_by_side or (console.width >= WIDE and not unified), comments)


def _parts(chosen: Sequence[str]) -> tuple[str, ...]:
    from speedrun.nearest import nearest

    for part in chosen:
        if part not in PARTS:
            raise UserError(f"--part {printable(part)}: no such part{nearest(part, PARTS)}")
    return tuple(part for part in PARTS if part in chosen) or PARTS


def _made(names: Sequence[str], parts: Sequence[str], repo: Path | None, run: bool) -> "Diff":
    from speedrun.study.diffing import diffs
    from speedrun.study.program_source import resolve

    before, after = (resolve(name, repo) for name in names)
    return diffs([(before, after)], run, parts, _boards)[0]


def _boards() -> "list[Board]":
    """The standing in records/, as the leaderboard has it."""
    from speedrun.verbs.leaderboard import judge

    return judge(["records"], None)[0]


def _write_history(folder: Path) -> None:
    """A page a neighbouring pair, then the live script where it differs from the last milestone."""
    from speedrun.milestones import LIVE
    from speedrun.study.diff_history import pages
    from speedrun.study.diffing import diffs
    from speedrun.study.program_source import of_milestone

    programs = [of_milestone(milestone) for milestone in all_milestones()]
    if len(programs) > 1 and programs[-1].milestone and programs[-1].milestone.name == LIVE:
        programs = programs[:-1] if programs[-1].sha256 == programs[-2].sha256 else programs
    if len(programs) < 2:
        raise UserError(f"{house.shown(house.history())} holds fewer than two milestones: there is no step to show")
    made = diffs(list(zip(programs, programs[1:], strict=False)), False, PARTS, _boards)
    for name, text in pages(made).items():
        write_text(folder / name, text)
        print(f"diff_milestones: {name}", file=sys.stderr)
    print(house.shown(folder / "index.html"))
