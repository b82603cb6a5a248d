"""Matching sequences that anyone may have written: difflib's matches, held to an effort.

    Matcher(old, new, Effort()).get_opcodes()

Repetitive text makes difflib's search take time by the cube of its length. What is spent on one comparison is counted;
after that only equal ends are matched, and what both have once, as git does.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate

MOST_STEPS = 20_000_000  # of all searches in one comparison, some seconds; two programs of 130 kB take five million


@dataclass
class Effort:
    """What is left of the steps that a comparison may take."""

    left: int = MOST_STEPS

    def spend(self, steps: int) -> bool:
        """Whether so many were left."""
        self.left -= steps
        return self.left >= 0


class Matcher(SequenceMatcher[str]):
    """difflib's matches within an effort; when that is spent, as git does: equal ends, and what both have once."""

    def __init__(self, old: Sequence[str], new: Sequence[str], effort: Effort):
        super().__init__(None, old, new, autojunk=False)
        self.old, self.new, self.effort = old, new, effort
        times = Counter(new)
        self.steps = [0, *accumulate(4 + times[part] for part in old)]  # difflib looks at each place in `new`
        self.anchors: list[tuple[int, int]] | None = None

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        ahi, bhi = len(self.old) if ahi is None else ahi, len(self.new) if bhi is None else bhi
        if self.effort.spend(self.steps[ahi] - self.steps[alo]):
            return super().find_longest_match(alo, ahi, blo, bhi)
        return self._head(alo, ahi, blo, bhi) or self._anchored(alo, ahi, blo, bhi)

    def _head(self, alo: int, ahi: int, blo: int, bhi: int) -> Match | None:
        size = _alike_from(self.old, self.new, range(alo, ahi), range(blo, bhi))
        return Match(alo, blo, size) if size else None

    def _anchored(self, alo: int, ahi: int, blo: int, bhi: int) -> Match:
        """Around what both have once, in the middle of this range; else the equal end of it."""
        if self.anchors is None:
            self.anchors = _anchors(self.old, self.new)
        inside = range(bisect_left(self.anchors, (alo, 0)), bisect_left(self.anchors, (ahi, 0)))
        i, j = self.anchors[inside[len(inside) // 2]] if inside else (ahi, bhi)
        if not blo <= j < bhi:
            i, j = ahi, bhi
        before = _alike_from(self.old, self.new, range(i - 1, alo - 1, -1), range(j - 1, blo - 1, -1))
        behind = _alike_from(self.old, self.new, range(i, ahi), range(j, bhi))
        return Match(i - before, j - before, before + behind)


def _alike_from(old: Sequence[str], new: Sequence[str], places: range, others: range) -> int:
    """How many are equal before two differ."""
    pairs = enumerate(zip(places, others, strict=False))
    return next((n for n, (i, j) in pairs if old[i] != new[j]), min(len(places), len(others)))


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The places of what stands once in both, in the same order."""
    counts, others = Counter(old), Counter(new)
    where = {part: j for j, part in enumerate(new) if others[part] == 1}
    places = [(i, where[part]) for i, part in enumerate(old) if counts[part] == 1 and part in where]
    kept = longest_rising([j for _, j in places])
    return [place for n, place in enumerate(places) if n in kept]


def longest_rising(values: Sequence[int]) -> set[int]:
    """The indices of a longest increasing subsequence."""
    ends: list[int] = []  # ends[k]: index of the smallest value that ends a rising sequence of k + 1
    smallest: list[int] = []  # that value
    previous: list[int | None] = []
    for i, value in enumerate(values):
        place = bisect_left(smallest, value)
        previous.append(ends[place - 1] if place else None)
        ends[place : place + 1], smallest[place : place + 1] = [i], [value]
    kept, i = set(), ends[-1] if ends else None
    while i is not None:
        kept.add(i)
        i = previous[i]
    return kept
