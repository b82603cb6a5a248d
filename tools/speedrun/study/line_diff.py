"""Which lines differ, folded by class and function.

    for fold in compare(before.files, after.files).folds:
        print(fold.pair.name, fold.added, fold.removed, len(fold.hunks))

A hunk in which nothing but comments and docstrings changed is marked. Where the syntax of a file is unknown, its lines
are compared as they stand. Colours and layout are diff_terminal.py's and diff_page.py's.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from speedrun.study.code_units import Line, Unit, units, whole
from speedrun.study.matching import Effort, Matcher
from speedrun.study.program_source import SourceFile
from speedrun.study.structure_diff import Pair, matched

CONTEXT = 2  # unchanged lines around a change
ALIKE = 0.5  # share of equal words from which two lines stand side by side as one line changed
MOST_CELLS = 40_000  # of the table that aligns a block of old lines with one of new lines
CELL_STEPS = 50  # of an effort that a cell takes, beside those for its words
MOST_PARTS = 2_000  # of a line in which the parts that differ are looked for
LINE_STEPS = 500_000  # of an effort that this may take

PARTS = re.compile(r"\d[\w.]*(?:(?<=\de)[+-]\d+)?|\w+|\s+|.", re.DOTALL)  # numbers, words, gaps, single characters


@dataclass(frozen=True)
class Row:
    before: Line | None
    after: Line | None
    same: bool = False

    @property
    def kind(self) -> str:
        """Context " ", removed "-", added "+", or changed "~"."""
        if self.before is None or self.after is None:
            return "+" if self.before is None else "-"
        return " " if self.same else "~"


@dataclass(frozen=True)
class Hunk:
    rows: tuple[Row, ...]
    words_only: bool  # nothing but comments, docstrings or blank lines changed
    added: int
    removed: int


@dataclass(frozen=True)
class Fold:
    pair: Pair
    hunks: tuple[Hunk, ...]  # none where nothing but its place or name changed

    @property
    def added(self) -> int:
        return sum(hunk.added for hunk in self.hunks)

    @property
    def removed(self) -> int:
        return sum(hunk.removed for hunk in self.hunks)

    @property
    def words_only(self) -> bool:
        return bool(self.hunks) and all(hunk.words_only for hunk in self.hunks)


@dataclass(frozen=True)
class Comparison:
    pairs: tuple[Pair, ...]  # of every unit, the same ones too; empty where no syntax is known
    folds: tuple[Fold, ...]  # of what differs
    unknown: tuple[str, ...]  # files whose syntax this Python does not know


def compare(before: Sequence[SourceFile], after: Sequence[SourceFile]) -> Comparison:
    """The main files with each other, the others by name."""
    old = {"" if i == 0 else file.name: file for i, file in enumerate(before)}
    new = {"" if i == 0 else file.name: file for i, file in enumerate(after)}
    cut_old = {role: units(file, role) for role, file in old.items()}
    cut_new = {role: units(file, role) for role, file in new.items()}
    unknown = {role for cut in (cut_old, cut_new) for role, found in cut.items() if found is None}
    pairs = matched(_flat(old, cut_old, unknown), _flat(new, cut_new, unknown))
    effort = Effort()
    folds = tuple(fold for pair in pairs if (fold := _fold(pair, effort)).hunks or pair.moved or pair.renamed)
    names = [(old.get(role) or new[role]).name for role in sorted(unknown)]
    return Comparison(tuple(pair for pair in pairs if pair.unit.kind != "file"), folds, tuple(names))


def _flat(files: dict[str, SourceFile], cut: dict[str, list[Unit] | None], unknown: set[str]) -> list[Unit]:
    listed = []
    for role, file in files.items():
        found = cut[role]
        listed += [whole(file, role)] if found is None or role in unknown else found
    return listed


def _fold(pair: Pair, effort: Effort) -> Fold:
    before, indent_before = (pair.before.lines, pair.before.indent) if pair.before else ((), 0)
    after, indent_after = (pair.after.lines, pair.after.indent) if pair.after else ((), 0)
    old = [_dedented(line, indent_before) for line in before]  # a function that moved into a class is the same lines
    new = [_dedented(line, indent_after) for line in after]
    rows: list[Row] = []
    for kind, i1, i2, j1, j2 in Matcher(old, new, effort).get_opcodes():
        if kind == "equal":
            rows += [Row(*lines, same=True) for lines in zip(before[i1:i2], after[j1:j2], strict=True)]
        else:
            rows += _aligned(before[i1:i2], after[j1:j2], effort)
    return Fold(pair, tuple(_hunk(rows[start:end]) for start, end in _windows(rows)))


def _dedented(line: Line, indent: int) -> str:
    return line.text[indent:] if not line.text[:indent].strip() else line.text


def _windows(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """From where to where the changed rows and their context reach."""
    windows: list[tuple[int, int]] = []
    for i in (i for i, row in enumerate(rows) if not row.same):
        start, end = max(0, i - CONTEXT), min(len(rows), i + CONTEXT + 1)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


def _hunk(rows: Sequence[Row]) -> Hunk:
    changed = [row for row in rows if not row.same]
    old, new = [row.before for row in changed if row.before], [row.after for row in changed if row.after]
    return Hunk(tuple(rows), _code(old) == _code(new), len(new), len(old))


def _code(lines: Sequence[Line]) -> list[str]:
    return [line.code.strip() for line in lines if line.code.strip()]


def _aligned(before: Sequence[Line], after: Sequence[Line], effort: Effort) -> list[Row]:
    """Lines that are alike side by side, the others alone: the alignment of the greatest likeness in all."""
    scores = _alignment_scores(before, after, effort) if len(before) * len(after) <= MOST_CELLS else None
    if scores is None:
        return [*(Row(line, None) for line in before), *(Row(None, line) for line in after)]
    rows, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        if i < len(before) and scores[i][j] == scores[i + 1][j]:  # removed lines stand before added ones
            rows.append(Row(before[i], None))
            i += 1
        elif j < len(after) and scores[i][j] == scores[i][j + 1]:
            rows.append(Row(None, after[j]))
            j += 1
        else:
            rows.append(Row(before[i], after[j]))
            i, j = i + 1, j + 1
    return rows


def _alignment_scores(before: Sequence[Line], after: Sequence[Line], effort: Effort) -> list[list[float]] | None:
    """scores[i][j]: the greatest likeness that before[i:] and after[j:] can have; None where that is too much work."""
    old, new = [_words(line) for line in before], [_words(line) for line in after]
    words = len(new) * sum(map(len, old)) + len(old) * sum(map(len, new))
    if not effort.spend(words + CELL_STEPS * len(old) * len(new)):
        return None
    scores = [[0.0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for i in reversed(range(len(before))):
        for j in reversed(range(len(after))):
            likeness = _likeness(old[i], new[j])
            both = scores[i + 1][j + 1] + likeness if likeness >= ALIKE else 0.0
            scores[i][j] = max(scores[i + 1][j], scores[i][j + 1], both)
    return scores


def _words(line: Line) -> Counter[str]:
    """Of its code; of its text where it is all comment."""
    return Counter(
        part for part in PARTS.findall(line.code.strip() or line.text) if part[0].isalnum() or part[0] == "_"
    )


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def emphasis(before: str, after: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Where two forms of one line differ: from which character to which, in each; throughout, where it is too long."""
    old, new = (PARTS.findall(text) for text in (before, after))
    if max(len(old), len(new)) > MOST_PARTS:
        return [(0, len(before))], [(0, len(after))]
    places_old, places_new = _places(old), _places(new)
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for kind, i1, i2, j1, j2 in Matcher(old, new, Effort(LINE_STEPS)).get_opcodes():
        if kind != "equal":
            spans[0].append((places_old[i1], places_old[i2]))
            spans[1].append((places_new[j1], places_new[j2]))
    return spans


def _places(parts: Sequence[str]) -> list[int]:
    places = [0]
    for part in parts:
        places.append(places[-1] + len(part))
    return places
