"""What became of each class, function and method: the same, changed, renamed, moved, added or removed.

    for pair in matched(units(old_file), units(new_file)):
        print(pair.name, pair.change)

Units are matched by name; what is left, by likeness of their code, so that a function that only moved or got another
name is not shown as removed and added. Which lines differ is line_diff.py's.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from speedrun.study.code_units import Unit
from speedrun.study.matching import Effort, Matcher, longest_rising

ALIKE = 0.7  # share of equal words from which a function of another name is taken for the same one
FEWEST_WORDS = 12  # of code; what is shorter is alike by chance

Key = tuple[str, str]  # role and name


@dataclass(frozen=True)
class Pair:
    """A unit before and after; None where it was added or removed."""

    before: Unit | None
    after: Unit | None
    moved: bool = False

    @property
    def unit(self) -> Unit:
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def renamed(self) -> bool:
        if self.before is None or self.after is None:
            return False
        return self.before.name.rpartition(".")[2] != self.after.name.rpartition(".")[2]

    @property
    def code_changed(self) -> bool:
        return self.before is not None and self.after is not None and self.before.body != self.after.body

    @property
    def text_changed(self) -> bool:
        if self.before is None or self.after is None:
            return False
        return [line.text for line in self.before.lines] != [line.text for line in self.after.lines]

    @property
    def change(self) -> str:
        """In words: "same", "added", "moved and renamed", "renamed, changed", "comments or layout only"."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        place = " and ".join(word for word, so in (("moved", self.moved), ("renamed", self.renamed)) if so)
        inside = "changed" if self.code_changed else ""
        if not place and not inside:
            return "comments or layout only" if self.text_changed else "same"
        return ", ".join(filter(None, (place, inside)))

    @property
    def name(self) -> str:
        """The name, both names where they differ."""
        if self.before is not None and self.after is not None and self.before.name != self.after.name:
            return f"{self.before.name} → {self.after.name}"
        return self.unit.name


def matched(before: Sequence[Unit], after: Sequence[Unit]) -> list[Pair]:
    """In the order of `after`; what was removed stands behind what it stood behind before."""
    partners = _partners(before, after)
    out_of_order = _out_of_order(before, after, partners)
    pairs = []
    for unit in after:
        partner = partners.get(_key(unit))
        moved = partner is not None and (_key(unit) in out_of_order or _parent_changed(partner, unit, partners))
        pairs.append(Pair(partner, unit, moved))
    return _with_removed(pairs, before)


def _key(unit: Unit) -> Key:
    return unit.role, unit.name


def _partners(before: Sequence[Unit], after: Sequence[Unit]) -> dict[Key, Unit]:
    """The unit before of each unit after that has one: classes first, then what is in them, then what is left."""
    partners: dict[Key, Unit] = {}
    kinds = {"module": "module", "file": "file", "class": "class"}  # a method may become a function
    for wanted in ("module", "file", "class", "code"):
        old = [unit for unit in before if kinds.get(unit.kind, "code") == wanted]
        new = [unit for unit in after if kinds.get(unit.kind, "code") == wanted]
        partners |= _of_one_kind(old, new, partners, _whole_classes(before, after) if wanted == "class" else {})
    return partners


def _of_one_kind(
    before: Sequence[Unit], after: Sequence[Unit], classes: dict[Key, Unit], texts: dict[int, str]
) -> dict[Key, Unit]:
    old = {_key(unit): unit for unit in before}
    found = {}
    for unit in after:
        parent = classes.get(unit.parent)
        name = f"{parent.name}.{unit.name.rpartition('.')[2]}" if parent and parent.kind == "class" else unit.name
        partner = old.pop((unit.role, name), None)
        if partner is not None:
            found[_key(unit)] = partner
    left = [unit for unit in after if _key(unit) not in found and unit.kind not in ("module", "file")]
    return found | _alike(list(old.values()), left, texts)


def _whole_classes(before: Iterable[Unit], after: Iterable[Unit]) -> dict[int, str]:
    """The code of each class with its methods, by id of its unit: what classes of different names are likened by."""
    texts = {}
    for units in (list(before), list(after)):
        inside: dict[Key, list[str]] = defaultdict(list)
        for unit in units:
            role, outer = unit.parent
            while outer:
                inside[role, outer].append(unit.body)
                outer = outer.rpartition(".")[0]
        for unit in (unit for unit in units if unit.kind == "class"):
            texts[id(unit)] = "\n".join([unit.body, *inside[_key(unit)]])
    return texts


def _alike(before: Sequence[Unit], after: Sequence[Unit], texts: dict[int, str]) -> dict[Key, Unit]:
    """Pairs of the greatest likeness first; each unit once."""
    old, new = ([re.findall(r"\w+", texts.get(id(unit), unit.body)) for unit in units] for units in (before, after))
    partners = _equal(old, new)  # as likeness would pair them, but at once
    taken = set(partners.values())
    for _, i, j in sorted(_scored(old, new, partners)):
        if i not in taken and j not in partners:
            taken.add(i)
            partners[j] = i
    return {_key(after[j]): before[i] for j, i in partners.items()}


def _equal(old: Sequence[list[str]], new: Sequence[list[str]]) -> dict[int, int]:
    """For places in `new` those in `old` that have the same words, each once."""
    waiting: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i in reversed(range(len(old))):
        if len(old[i]) >= FEWEST_WORDS:
            waiting[tuple(old[i])].append(i)
    return {j: alike.pop() for j, words in enumerate(new) if (alike := waiting.get(tuple(words)))}


def _scored(
    old: Sequence[list[str]], new: Sequence[list[str]], partners: dict[int, int]
) -> Iterator[tuple[float, int, int]]:
    """(-likeness, place in `old`, place in `new`) of what is alike enough and has no partner, within an effort."""
    taken, effort = set(partners.values()), Effort()
    counts = [Counter(words) for words in new]
    places = [j for j, words in enumerate(new) if j not in partners and len(words) >= FEWEST_WORDS]
    for i, one in enumerate(old):
        if i in taken or len(one) < FEWEST_WORDS:
            continue
        count = Counter(one)
        for j in places:
            total = len(one) + len(new[j])
            if 2 * min(len(one), len(new[j])) / total < ALIKE:
                continue
            if not effort.spend(len(count)):
                return
            if 2 * (count & counts[j]).total() / total < ALIKE:  # a bound that is quick to have
                continue
            if not effort.spend(4 * total):  # a matcher takes about that before it looks for anything
                return
            likeness = Matcher(one, new[j], effort).ratio()
            if likeness >= ALIKE:
                yield -likeness, i, j


def _parent_changed(before: Unit, after: Unit, partners: dict[Key, Unit]) -> bool:
    """Into another file or another class; a method of a renamed class did not move."""
    parent = partners.get(after.parent) if after.parent[1] else None
    expected = _key(parent) if parent else after.parent
    return before.parent != expected


def _out_of_order(before: Sequence[Unit], after: Sequence[Unit], partners: dict[Key, Unit]) -> set[Key]:
    """The fewest units that must have changed places among those of the same class or file."""
    places = {_key(unit): i for i, unit in enumerate(before)}
    groups: dict[Key, list[Key]] = defaultdict(list)
    for unit in after:
        partner = partners.get(_key(unit))
        if partner is None or unit.kind not in ("class", "function", "method"):
            continue
        if not _parent_changed(partner, unit, partners):
            groups[unit.parent].append(_key(unit))
    out: set[Key] = set()
    for keys in groups.values():
        kept = longest_rising([places[_key(partners[key])] for key in keys])
        out |= {key for i, key in enumerate(keys) if i not in kept}
    return out


def _with_removed(pairs: list[Pair], before: Sequence[Unit]) -> list[Pair]:
    kept = {_key(pair.before) for pair in pairs if pair.before}
    behind: dict[Key | None, list[Pair]] = defaultdict(list)
    last: Key | None = None
    for unit in before:
        if _key(unit) in kept:
            last = _key(unit)
        else:
            behind[last].append(Pair(unit, None))
    ordered = behind[None]
    for pair in pairs:
        ordered.append(pair)
        ordered += behind[_key(pair.before)] if pair.before else []
    return ordered
