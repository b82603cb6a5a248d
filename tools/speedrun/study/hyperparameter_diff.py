"""The hyperparameters of two programs: which are new, which are gone, which have another value.

    for change in changes(hyperparameters(old), hyperparameters(new)):
        print(change.name, change.before and change.before.text, change.after and change.after.text)

They are the fields of the class Hyperparameters with their defaults, read by ast: nothing is run. A value is known
where the default is a constant or sums and products of constants, and of a size that a setting may have.
"""

import ast
import io
import math
import operator
import re
import tokenize
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speedrun.study.code_units import parse
from speedrun.study.program_source import SourceFile

CLASS = "Hyperparameters"
UNITS = ("steps", "tokens", "rows", "tables", "layers", "heads", "seconds", "ms", "bytes", "MiB", "nats")
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}

LARGEST = 2**128  # of whole numbers: a seed of 128 bits; what is much larger, Python may not even write in digits

Value = bool | int | float | str


@dataclass(frozen=True)
class Hyperparameter:
    name: str
    text: str  # of the default, as the program has it
    value: Value | None  # None: it is no constant
    unit: str | None  # where the comment begins with one
    comment: str
    section: str  # the heading that it stands under: "model", "optimizer"


@dataclass(frozen=True)
class HyperparameterChange:
    name: str
    before: Hyperparameter | None
    after: Hyperparameter | None

    @property
    def section(self) -> str:
        known = self.after or self.before
        return known.section if known else ""

    @property
    def change(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def hyperparameters(file: SourceFile) -> dict[str, Hyperparameter] | None:
    """By name, in the order of the program; None where there is no such class or its syntax is unknown."""
    tree = parse(file.text)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == CLASS] if tree else []
    if not classes:
        return None
    comments, lines = _comments(file.text), file.text.split("\n")
    headings = [n for n, (_, alone) in comments.items() if alone and n >= classes[0].lineno]
    found = {}
    for node in classes[0].body:
        target, value = _assigned(node)
        if isinstance(target, ast.Name) and value is not None:
            text = _source(lines, value)
            comment = comments.get(node.end_lineno or node.lineno, ("", False))[0]
            above = bisect_left(headings, node.lineno)
            section, known = _section(comments[headings[above - 1]][0]) if above else "", _constant(value)
            unit = _unit(comment) if type(known) in (int, float) else None
            found[target.id] = Hyperparameter(target.id, text, known, unit, comment, section)
    return found


def changes(
    before: Mapping[str, Hyperparameter], after: Mapping[str, Hyperparameter]
) -> tuple[HyperparameterChange, ...]:
    """In the order of `after`; what is gone stands at the end of its section."""
    pairs = [HyperparameterChange(name, before.get(name), after.get(name)) for name in (*after, *before)]
    differing = {pair.name: pair for pair in pairs if not _equal(pair.before, pair.after)}
    sections = dict.fromkeys(known.section for known in (*after.values(), *before.values()))
    places = {section: place for place, section in enumerate(sections)}
    return tuple(sorted(differing.values(), key=lambda pair: places[pair.section]))


def _equal(one: Hyperparameter | None, other: Hyperparameter | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.value is None or other.value is None:
        return one.text == other.text
    return type(one.value) is type(other.value) and one.value == other.value


def _assigned(node: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    """Target and value of `a: int = 1` or `a = 1`."""
    if isinstance(node, ast.AnnAssign):
        return node.target, node.value
    return (node.targets[0], node.value) if isinstance(node, ast.Assign) and len(node.targets) == 1 else (None, None)


def _source(lines: Sequence[str], node: ast.expr) -> str:
    """The text of an expression; ast.get_source_segment does that too, but cuts up the whole program every time."""
    if node.lineno == node.end_lineno:
        return lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode("utf-8", "replace")
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):  # a number of too many digits; nested too deeply: from its first line on
        return lines[node.lineno - 1].encode()[node.col_offset :].decode("utf-8", "replace") + " ..."


def _constant(node: ast.expr) -> Value | None:
    try:
        return _evaluated(node)
    except (ValueError, ArithmeticError, TypeError, RecursionError):
        return None


def _evaluated(node: ast.expr) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, str)):
        return node.value
    return _number(node)


def _number(node: ast.expr) -> int | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return _bounded(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return _bounded(OPERATORS[type(node.op)](_number(node.left), _number(node.right)))
    raise ValueError("no constant")


def _bounded(value: int | float) -> int | float:
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > LARGEST):
        raise ValueError("no number to show")
    return value


def _comments(text: str) -> dict[int, tuple[str, bool]]:
    """Of each line that has one: the comment, and whether it stands alone."""
    found = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = (token.string.strip("# \t"), not token.line[: token.start[1]].strip())
    except (tokenize.TokenError, SyntaxError):
        return {}
    return found


def _section(heading: str) -> str:
    """Up to a colon: "model: 124M parameters" is "model"."""
    return heading.partition(":")[0].strip()


def _unit(comment: str) -> str | None:
    match = re.match(r"[A-Za-z]+", comment)
    return match[0] if match and match[0] in UNITS else None
