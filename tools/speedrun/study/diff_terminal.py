"""A diff in the terminal, readable from 80 columns on: four parts, unchanged lines folded away.

    show(Console(), diff, parts=("words", "lines"), side_by_side=False, comments=False)

Names are shown as they are, never taken for markup or terminal commands.
"""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from speedrun.board.figures import NONE
from speedrun.board.terminal import fits
from speedrun.study import diff_wording as wording
from speedrun.study import worth_wording
from speedrun.study.diff_terminal_lines import DIM, LinesView, counts
from speedrun.study.diff_wording import Compared
from speedrun.study.hyperparameter_diff import HyperparameterChange
from speedrun.study.milestone_diff import PARTS, Diff
from speedrun.study.word_diff import FORMULA, Sizes
from speedrun.study.worth import Measured

MARKS = {"added": ("+", "green"), "removed": ("−", "red"), "changed": ("~", "yellow")}
WIDE = 140  # columns from which two versions fit side by side


def show(console: Console, diff: Diff, parts: Sequence[str], side_by_side: bool, comments: bool) -> None:
    _head(console, diff)
    for number, (part, title) in enumerate(PARTS.items(), start=1):
        if part not in parts:
            continue
        console.print()
        console.rule(Text(f"{number}  {title}", style="bold"), align="left", style=DIM)
        if part == "words":
            _words(console, diff)
        elif part == "structure":
            _structure(console, diff)
        elif part == "lines":
            LinesView(console, diff, side_by_side, comments).show()
        else:
            _worth(console, diff)


def _line(console: Console, text: str, style: str = "", indent: int = 2) -> None:
    """A line whose continuation, if it has one, is indented as well."""
    console.print(Padding(Text(wording.visible(text), style=style), (0, 0, 0, indent), expand=False))


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold cyan"))


def _head(console: Console, diff: Diff) -> None:
    title = Text(style="bold")
    title.append(diff.before.label, style="red").append("  →  ").append(diff.after.label, style="green")
    console.print(title)
    for program, sign in ((diff.before, "−"), (diff.after, "+")):
        _line(console, f"{sign} {program.origin}  sha256 {program.sha256[:12]}", DIM, 0)
    if diff.identical:
        _line(console, "The two programs are the same.", "", 0)
    elif diff.after.milestone:
        _line(console, diff.after.milestone.idea, "italic", 0)


def _words(console: Console, diff: Diff) -> None:
    words = diff.words
    if words.techniques:
        _heading(console, "Techniques")
        for way in ("added", "removed"):
            names = [name for what, name in words.techniques if what == way]
            if names:
                _line(console, f"{MARKS[way][0]} {'; '.join(names)}", MARKS[way][1])
        _line(console, wording.TECHNIQUES_NOTE, DIM)
    _heading(console, "Hyperparameters")
    if words.hyperparameters:
        console.print(_hyperparameters(words.hyperparameters))
    elif words.hyperparameters is None:
        _line(console, "not known: not both programs have a class Hyperparameters that can be read")
    else:
        _line(console, "none differ")
    _heading(console, "Size, at the defaults of each")
    console.print(_compared(wording.size_rows(words)))
    for line in wording.why_unknown(diff):
        _line(console, line, "yellow")
    if words.before.flops_per_token or words.after.flops_per_token:
        _line(console, f"{FORMULA}.", DIM)
    if words.before.facts or words.after.facts:
        _optimizers(console, diff)
        _schedules(console, diff)


def _hyperparameters(changes: Sequence[HyperparameterChange]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(min_width=18, overflow="fold")
    table.add_column(overflow="fold")
    section = None
    for change in changes:
        if change.section != section:
            section = change.section
            table.add_row("", Text(wording.visible(section), style=DIM), "")
        sign, style = MARKS[change.change]
        one, other = wording.values(change)
        values = Text()
        if one and other:
            values.append(one, style="red").append(" → ").append(other, style="green")
        else:
            values.append(other or one, style=style)
        values.append(f"  {wording.comment(change.after or change.before)}", style=DIM)
        table.add_row(Text(f"  {sign}", style=style), Text(wording.visible(change.name)), values)
    return table


def _compared(rows: Sequence[Compared]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=20)
    for _ in range(2):
        table.add_column(justify="right", overflow="fold")
    table.add_column()
    for row in rows:
        style = DIM if row.same else ""
        table.add_row(
            Text(f"  {wording.visible(row.what)}", style=style),
            Text(row.before, style=style or "red"),
            Text(row.after, style=style or "green"),
            Text("the same" if row.same else row.note, style=DIM),
        )
    return table


def _optimizers(console: Console, diff: Diff) -> None:
    one, other = diff.words.before, diff.words.after
    _heading(console, "Optimizers: which weights learn how")
    if wording.group_lines(one) == wording.group_lines(other):
        _groups(console, other, " ", "")
        _line(console, "the same in both", DIM, 4)
    else:
        _groups(console, one, "−", "red")
        _groups(console, other, "+", "green")


def _groups(console: Console, sizes: Sizes, sign: str, style: str) -> None:
    for settings, tensors in wording.group_lines(sizes):
        _line(console, f"{sign} {settings}", style)
        _line(console, tensors, DIM, 6)


def _schedules(console: Console, diff: Diff) -> None:
    _heading(console, "Schedules")
    for row in wording.schedule_rows(diff.words):
        _line(console, row.what)
        if row.same:
            _line(console, f"{row.after}  (the same)", DIM, 6)
            continue
        for sign, text, style in (("−", row.before, "red"), ("+", row.after, "green")):
            if text != NONE:
                _line(console, f"{sign} {text}", style, 4)


def _structure(console: Console, diff: Diff) -> None:
    unknown = wording.unknown_syntax(diff)
    if unknown:
        _line(console, unknown, "yellow", 0)
    elif not diff.changed_units:
        _line(console, "No class or function differs.", "", 0)
    table = Table.grid(padding=(0, 2, 0, 0))
    for pair in diff.changed_units:
        sign, style = MARKS.get(pair.change, ("~", "yellow"))
        quiet = pair.change == "comments or layout only"
        table.add_row(
            Text(sign, style=DIM if quiet else style),
            Text(wording.visible(wording.unit_words(pair)), style=DIM if quiet else ""),
            Text(pair.change, style=DIM if quiet else style),
            counts(*diff.lines_of(pair)),
        )
    if table.row_count:
        console.print(table)


def _worth(console: Console, diff: Diff) -> None:
    published = worth_wording.published_rows(diff.worth)
    if published:
        _heading(console, "Published, on 8 × H100")
        console.print(_compared(published))
    _heading(console, "Measured here")
    said = worth_wording.no_runs(diff)
    if said:
        _line(console, said)
    for one in diff.worth.both:
        _measured(console, one)
    for line in worth_wording.alone(diff.worth.measured, diff):
        _line(console, line, DIM)


def _measured(console: Console, one: Measured) -> None:
    _line(console, f"{one.track.title} ({one.track.name})", "bold")
    _line(console, f"{one.hardware}; {worth_wording.numbers(one)}", DIM)
    wide = _verdicts(one, stacked=False)
    console.print(wide if fits(console, wide) else _verdicts(one, stacked=True))


def _verdicts(one: Measured, stacked: bool) -> Table:
    """A row a verdict; stacked: its gain and its words stand below the later figure, for 80 columns."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in range(3 if stacked else 5):
        table.add_column(no_wrap=True)
    for verdict in worth_wording.verdicts(one):
        style = "green" if verdict.shown else ""
        told = Text(verdict.gain, style=style), Text(verdict.words, style=style)
        after = [Text(f"{verdict.after}\n").append_text(Text(" ").join(told))] if stacked else [verdict.after, *told]
        table.add_row(f"    {verdict.what}", verdict.before, "→" if verdict.before else "", *after)
    return table
