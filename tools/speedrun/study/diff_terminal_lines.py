"""Part 3 of a diff in the terminal: the lines that differ, folded by class and function.

    LinesView(console, diff, side_by_side=False, comments=False).show()

Lines of programs are shown as they are, never taken for markup or terminal commands. Colours are the terminal's own
sixteen, which fit light and dark ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from speedrun.study import diff_wording as wording
from speedrun.study.line_diff import Fold, Hunk, Row
from speedrun.study.milestone_diff import Diff
from speedrun.study.structure_diff import Pair
from speedrun.study.syntax_colour import Colours

COLOURS = {  # of the kinds of syntax_colour.py
    "c": "bright_black", "s": "yellow", "n": "cyan", "k": "magenta", "f": "blue", "t": "blue", "d": "blue",
    "b": "cyan", "o": "magenta",
}  # fmt: skip
GUTTER = 12  # columns: two line numbers and the sign
HANGING = 4  # columns by which the rest of a long line stands further in
DIM = "bright_black"


def counts(added: int, removed: int) -> Text:
    return Text().append(f"+{added}", style="green").append(" ").append(f"−{removed}", style="red")


@dataclass
class LinesView:
    console: Console
    diff: Diff
    side_by_side: bool
    comments: bool  # unfold changes of comments and docstrings
    colours: Colours = field(init=False)

    def __post_init__(self) -> None:
        self.colours = Colours(self.diff.before, self.diff.after)

    def show(self) -> None:
        folds = self.diff.comparison.folds
        unknown = wording.unknown_syntax(self.diff)
        if unknown or not folds:
            self.console.print(Text(unknown or "No line differs.", style="yellow" if unknown else ""))
        for fold in folds:
            self._fold(fold)
        if not self.comments and any(hunk.words_only for fold in folds for hunk in fold.hunks):
            self.console.print()
            self.console.print(Text("Changes of comments and docstrings are folded; --comments shows them.", style=DIM))

    def _fold(self, fold: Fold) -> None:
        pair, folded = fold.pair, fold.words_only and not self.comments
        title = Text().append(wording.visible(wording.unit_words(pair)), style="bold")
        change = "comments or docstrings only" if fold.words_only else pair.change
        title.append(f"  {change}  ", style=DIM).append_text(counts(fold.added, fold.removed))
        self.console.print()
        self.console.print(title)
        if not fold.hunks:
            self.console.print(Text("      its lines are the same", style=DIM))
        for number, hunk in enumerate(() if folded else fold.hunks):
            if number:
                self.console.print(Text("      ⋯", style=DIM))
            if hunk.words_only and not self.comments:
                text = f"      comments or docstrings only: +{hunk.added} −{hunk.removed}"
                self.console.print(Text(text, style=DIM))
            elif self.side_by_side:
                self.console.print(self._two_columns(hunk, pair))
            else:
                self._one_column(hunk, pair)

    def _one_column(self, hunk: Hunk, pair: Pair) -> None:
        for row, old in _in_turn(hunk.rows):
            before = str(row.before.number) if row.before and (old or row.same) else ""
            after = str(row.after.number) if row.after and not old else ""
            sign = Text(" ") if row.same else Text("−", "red") if old else Text("+", "green")
            gutter = Text(f"{before:>4} {after:>4} ", style=DIM).append_text(sign).append(" ")
            for number, line in enumerate(self._wrapped(self._text(row, pair, old))):
                self.console.print((Text(" " * GUTTER) if number else gutter).append_text(line), soft_wrap=True)

    def _wrapped(self, text: Text) -> list[Text]:
        """The line in as many as it needs; the others stand further in than the first."""
        width = max(self.console.width - GUTTER, 20)
        if text.cell_len <= width:
            return [text]
        indent = min(len(text.plain) - len(text.plain.lstrip()), width // 2)
        first, *others = text[indent:].wrap(self.console, width - indent - HANGING)
        for part in (first, *others):
            part.rstrip()
        space = Text(" " * indent)
        return [space + first, *(space + Text(" " * HANGING) + other for other in others)]

    def _two_columns(self, hunk: Hunk, pair: Pair) -> Table:
        table = Table(box=box.MINIMAL, show_header=False, show_edge=False, padding=(0, 1, 0, 0), expand=True)
        for _ in range(2):
            table.add_column(justify="right", no_wrap=True, width=6, style=DIM)
            table.add_column(overflow="fold", ratio=1)
        for row in hunk.rows:
            cells: list[str | Text] = []
            for line, old, sign, colour in ((row.before, True, "−", "red"), (row.after, False, "+", "green")):
                mark = Text(" ") if row.same else Text(sign, colour)
                number = Text(f"{line.number} ", DIM).append_text(mark) if line else ""
                cells += [number, self._text(row, pair, old)]
            table.add_row(*cells)
        return table

    def _text(self, row: Row, pair: Pair, old: bool) -> Text:
        """The line in the colours of its syntax; what differs within it is underlined."""
        changed = Style(color="red" if old else "green", bold=True, underline=True)
        text = Text()
        for kind, piece, differs in self.colours.line(row, pair, old):
            text.append(piece, changed if differs and piece.strip() else Style(color=COLOURS.get(kind)))
        return text


def _in_turn(rows: Sequence[Row]) -> Iterator[tuple[Row, bool]]:
    """Rows for one column, and whether the old side is meant: of a run of changes first the old lines, then the new."""
    changes: list[Row] = []
    for row in (*rows, None):
        if row is not None and not row.same:
            changes.append(row)
            continue
        yield from ((change, True) for change in changes if change.before)
        yield from ((change, False) for change in changes if change.after)
        changes = []
        if row is not None:
            yield row, False
