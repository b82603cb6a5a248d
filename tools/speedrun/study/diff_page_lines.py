"""Part 3 of the page: each class and function a fold, its lines in two columns that a narrow window makes one.

    lines_html(diff)

All text is escaped; characters that hide or reorder are spelled out.
"""

from dataclasses import dataclass
from html import escape

from speedrun.study import diff_wording as wording
from speedrun.study.line_diff import Fold, Hunk, Row
from speedrun.study.milestone_diff import Diff
from speedrun.study.structure_diff import Pair
from speedrun.study.syntax_colour import Colours

KINDS = {" ": "ctx", "-": "del", "+": "add", "~": "mod"}
BAR = (
    '<div class="bar" hidden><button type="button" id="layout" aria-pressed="false">one column</button>'
    '<button type="button" id="folds">open all</button></div>'
)


def safe(content: object) -> str:
    return escape(wording.visible(str(content)))


def counts(added: int, removed: int) -> str:
    return f"<ins>+{added}</ins> <del>−{removed}</del>"


def lines_html(diff: Diff) -> str:
    unknown = wording.unknown_syntax(diff)
    warning = f'<p class="warning">{safe(unknown)}</p>' if unknown else ""
    if not diff.comparison.folds:
        return warning or "<p>No line differs.</p>"
    view = _View(diff, Colours(diff.before, diff.after))
    return warning + BAR + "\n".join(view.fold(n, fold) for n, fold in enumerate(diff.comparison.folds))


@dataclass
class _View:
    diff: Diff
    colours: Colours

    def fold(self, number: int, fold: Fold) -> str:
        pair = fold.pair
        hunks = '<div class="gap">⋯</div>'.join(self._hunk(hunk, fold) for hunk in fold.hunks)
        inside = f'<div class="code">{hunks}</div>' if hunks else '<p class="note">Its lines are the same.</p>'
        change = "comments and docstrings only" if fold.words_only else pair.change
        title = (
            f"<b>{safe(wording.unit_words(pair))}</b> <span>{escape(change)}</span> {counts(fold.added, fold.removed)}"
        )
        state = "" if fold.words_only else " open"
        kind = "fold" if pair.before and pair.after else "fold alone"  # one column where there is nothing beside it
        return f'<details class="{kind}" id="unit-{number}"{state}><summary>{title}</summary>{inside}</details>'

    def _hunk(self, hunk: Hunk, fold: Fold) -> str:
        rows = "".join(self._row(row, fold.pair) for row in hunk.rows)
        if hunk.words_only and not fold.words_only:
            title = f"comments and docstrings only {counts(hunk.added, hunk.removed)}"
            return f'<details class="words"><summary>{title}</summary>{rows}</details>'
        return rows

    def _row(self, row: Row, pair: Pair) -> str:
        return f'<div class="row {KINDS[row.kind]}">{self._cell(row, pair, True)}{self._cell(row, pair, False)}</div>'

    def _cell(self, row: Row, pair: Pair, old: bool) -> str:
        line, side = (row.before, "l") if old else (row.after, "r")
        if line is None:
            return f'<div class="{side} none"></div>'
        pieces = []
        for kind, text, differs in self.colours.line(row, pair, old):
            piece = f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text)
            pieces.append(f"<mark>{piece}</mark>" if differs else piece)
        indent = len(line.text) - len(line.text.lstrip())  # where the rest of a long line goes on
        return f'<div class="{side}" style="--i:{indent}"><u>{line.number}</u><pre>{"".join(pieces)}</pre></div>'
