"""The words and figures of parts 1 to 3 of a diff, the same in the terminal and on the page.

    rows = size_rows(diff.words)          # Compared("parameters", "124M", "278M", "2.25×"), ...

Plain text: whoever shows it escapes it for his medium. Part 4 is worth_wording.py's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from speedrun.board.figures import NONE, tokens
from speedrun.study.hyperparameter_diff import Hyperparameter, HyperparameterChange
from speedrun.study.milestone_diff import Diff
from speedrun.study.program_facts import Facts, Group
from speedrun.study.structure_diff import Pair
from speedrun.study.word_diff import Sizes, Words, schedule_words

TECHNIQUES_NOTE = "A milestone's list names what it brought; what a later one dropped shows in the lines below."
MOST_NAMES = 4  # of the tensors of an optimizer group


@dataclass(frozen=True)
class Compared:
    """One line of a table: what, before, after, and how they compare ("" where that says nothing)."""

    what: str
    before: str
    after: str
    note: str = ""
    same: bool = False


def visible(text: str) -> str:
    """Characters that would hide, reorder or act are spelled out: a bidi override is shown as ⟨U+202E⟩."""
    shown = "".join(c if c.isprintable() or c == "\t" else f"⟨U+{ord(c):04X}⟩" for c in text)
    return shown.expandtabs(4)


def values(change: HyperparameterChange) -> tuple[str, str]:
    """Before and after, "" where there is none; the unit once where both have it."""
    one, other = change.before, change.after
    same_unit = one is not None and other is not None and one.unit == other.unit
    return _value(one, bare=same_unit), _value(other)


def _value(one: Hyperparameter | None, bare: bool = False) -> str:
    if one is None:
        return ""
    text = one.text if len(one.text) <= 60 else one.text[:59] + "…"
    return visible(f"{text} {one.unit}" if one.unit and not bare else text)


def comment(one: Hyperparameter | None) -> str:
    """The rest of the comment on the field, where it begins with the unit."""
    if one is None:
        return ""
    return visible(re.sub(r"^\W+", "", one.comment.removeprefix(one.unit or "")))


def count(number: int | None) -> str:
    return NONE if number is None else tokens(number)


def flops(number: int | None) -> str:
    for unit, size in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if number is not None and number >= size:
            return f"{number / size:.3g} {unit}FLOP"
    return NONE if number is None else f"{number} FLOP"


def size_rows(words: Words) -> list[Compared]:
    """Parameters, parts of the model, steps, tokens, FLOPs."""
    one, other = words.before, words.after
    rows = []
    if one.facts or other.facts:
        rows.append(_compared("parameters", _parameters(one.facts), _parameters(other.facts), count))
        parts = list(dict.fromkeys(name for facts in (one.facts, other.facts) if facts for name in facts.parts))
        for name in parts:
            row = _compared(f"  {name}", _part(one.facts, name), _part(other.facts, name), count)
            rows += [] if row.same else [row]
    rows += [
        _compared("tokens a step", one.tokens_per_step, other.tokens_per_step, lambda n: f"{n:,}" if n else NONE),
        _compared("steps", one.steps, other.steps, lambda n: f"{n:,}" if n else NONE),
        _compared("tokens of the run", one.tokens, other.tokens, count),
        _compared("FLOPs a token", one.flops_per_token, other.flops_per_token, flops),
        _compared("FLOPs of the run", one.flops, other.flops, flops),
    ]
    return [row for row in rows if (row.before, row.after) != (NONE, NONE)]


def _parameters(facts: Facts | None) -> int | None:
    return facts.parameters if facts else None


def _part(facts: Facts | None, name: str) -> int | None:
    return facts.parts.get(name) if facts else None


def _compared(what: str, one: int | None, other: int | None, show: Callable[[int | None], str]) -> Compared:
    if not one or not other:
        return Compared(what, show(one), show(other), same=one == other)
    if one == other:
        return Compared(what, show(one), show(other), same=True)
    before, after = show(one), show(other)
    if before == after:  # to the last digit where rounding would hide the difference
        before, after = f"{one:,}", f"{other:,}"
    factor = f"{other / one:.3g}"
    return Compared(what, before, after, f"{other / one:.4g}×" if factor == "1" else f"{factor}×")


def why_unknown(diff: Diff) -> list[str]:
    """What a reader has to know about facts that are missing, a sentence a program."""
    pairs = ((diff.before, diff.words.before), (diff.after, diff.words.after))
    return [
        f"{program.label}: parameters, optimizers and schedule are {sizes.why_unknown}."
        for program, sizes in pairs
        if sizes.why_unknown
    ]


def group_lines(sizes: Sizes) -> list[tuple[str, str]]:
    """For each optimizer group its optimizer with settings, and its tensors."""
    return [(_settings(group), _tensors(group)) for group in (sizes.facts.groups if sizes.facts else ())]


def _settings(group: Group) -> str:
    options = [f"{name} {_setting(option)}" for name, option in group.options.items()]
    return ", ".join([f"{group.optimizer}, learning rate {group.learning_rate:g}", *options])


def _setting(option: float | tuple[float, ...]) -> str:
    return " ".join(f"{v:g}" for v in option) if isinstance(option, tuple) else f"{option:g}"


def _tensors(group: Group) -> str:
    names = [name.removesuffix(".weight") for name in group.names]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    what = f"{group.tensors} tensor{'s' if group.tensors != 1 else ''}, {count(group.weights)} weights"
    return f"{what}: {', '.join(names[:MOST_NAMES])}{more}"


def schedule_rows(words: Words) -> list[Compared]:
    one = words.before.facts.schedules if words.before.facts else {}
    other = words.after.facts.schedules if words.after.facts else {}
    return [
        Compared(
            name.replace("_", " "),
            schedule_words(one[name]) if name in one else NONE,
            schedule_words(other[name]) if name in other else NONE,
            same=one.get(name) == other.get(name),
        )
        for name in dict.fromkeys([*one, *other])
    ]


def unknown_syntax(diff: Diff) -> str | None:
    names = ", ".join(diff.comparison.unknown)
    return f"{names}: its syntax is not known to this Python: lines are compared as they stand." if names else None


def unit_words(pair: Pair) -> str:
    """ "method GPT.forward"; where it moved, from which file."""
    kinds = {"module": "module level", "file": "whole file"}
    place = f" of {pair.unit.role}" if pair.unit.role else ""
    return f"{kinds.get(pair.unit.kind, pair.unit.kind)} {pair.name}".rstrip() + place
