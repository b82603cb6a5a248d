"""A program cut into its classes, functions and methods, and what is left at module level.

    for unit in units(SourceFile("train_gpt2.py", text)):
        print(unit.kind, unit.name, len(unit.lines))

Two units are the same code where their `body` is: docstrings, comments, layout and the unit's own name are not in it.
Functions inside functions belong to the outer one; what stands inside `if` or `try` belongs to the module level.
"""

import ast
import io
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from speedrun.study.program_source import SourceFile

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # what ast may answer to text from anywhere


@dataclass(frozen=True)
class Line:
    number: int
    text: str
    code: str  # without a comment; "" within a docstring


@dataclass(frozen=True)
class Unit:
    role: str  # "" in a program's main file, else the name of the file
    name: str  # "GPT.forward"; "" for the module level
    kind: str  # module, class, function, method, or file (not cut: its syntax is unknown)
    lines: tuple[Line, ...]
    body: str
    indent: int = 0

    @property
    def parent(self) -> tuple[str, str]:
        return self.role, self.name.rpartition(".")[0]


def parse(text: str) -> ast.Module | None:
    """None for a text whose syntax this Python does not know."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in other people's programs
            return ast.parse(text)
    except UNREADABLE:
        return None


def units(file: SourceFile, role: str = "") -> list[Unit] | None:
    """In the order of the file, the module level first; None where the syntax is unknown."""
    tree = parse(file.text)
    if tree is None:
        return None
    try:
        texts = file.text.split("\n")
        codes = _codes(file.text, texts, tree)
        return _Cut(_without_docstrings(tree), texts, [0] * (len(texts) + 1)).units(role, codes)
    except UNREADABLE:
        return None


def whole(file: SourceFile, role: str = "") -> Unit:
    """The file in one piece, for text that cannot be cut."""
    lines = tuple(Line(i, text, text) for i, text in enumerate(file.text.split("\n"), start=1))
    return Unit(role, "", "file", lines[:-1] if lines and not lines[-1].text else lines, file.text)


@dataclass
class _Cut:
    """The work in hand: what was found so far, and to which unit each line belongs."""

    tree: ast.Module
    texts: list[str]
    owners: list[int]  # of line 1, 2, ..: 0 is the module level
    found: list[tuple[str, str, str, int]] = field(default_factory=list)  # name, kind, body, indent
    names: Counter[str] = field(default_factory=Counter)  # how many have each, before they get a number

    def units(self, role: str, codes: list[str]) -> list[Unit]:
        self._visit(self.tree, "")
        modules = [node for node in self.tree.body if not isinstance(node, DEFINITIONS)]
        first = ("", "module", ast.unparse(ast.Module(modules, [])), 0)
        numbers: list[list[int]] = [[] for _ in range(len(self.found) + 1)]
        for number, owner in enumerate(self.owners[1:], start=1):
            numbers[owner].append(number)
        cut = []
        for own, (name, kind, body, indent) in zip(numbers, [first, *self.found], strict=True):
            kept = _without_edges(own, self.texts)
            lines = tuple(Line(n, self.texts[n - 1], codes[n - 1]) for n in kept)
            cut.append(Unit(role, name, kind, lines, body, indent))
        return cut

    def _visit(self, parent: ast.Module | ast.ClassDef, prefix: str) -> None:
        for node in parent.body:
            if not isinstance(node, DEFINITIONS):
                continue
            name, inner = self._unique(prefix + node.name), isinstance(parent, ast.ClassDef)
            kind = "class" if isinstance(node, ast.ClassDef) else "method" if inner else "function"
            self.found.append((name, kind, _body(node), node.col_offset))
            for line in range(_start(node, self.texts), (node.end_lineno or node.lineno) + 1):
                self.owners[line] = len(self.found)
            if isinstance(node, ast.ClassDef):
                self._visit(node, f"{name}.")

    def _unique(self, name: str) -> str:
        """A name that was there before, such as that of a property's setter, gets a number."""
        self.names[name] += 1
        return f"{name} ({self.names[name]})" if self.names[name] > 1 else name


def _start(node: Definition, texts: list[str]) -> int:
    """The first line: of its decorators, or of a comment right above that is no heading of a section."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    line = first
    while line > 1 and re.match(rf" {{{node.col_offset}}}#", texts[line - 2]):
        line -= 1
    heading = any(re.match(r" *# ?[-=#]{4}", text) for text in texts[line - 1 : first - 1])
    return first if heading else line


def _body(node: Definition) -> str:
    name, statements = node.name, node.body
    node.name = "_"
    if isinstance(node, ast.ClassDef):  # its methods are units of their own
        node.body = [statement for statement in statements if not isinstance(statement, DEFINITIONS)] or [ast.Pass()]
    text = ast.unparse(node)
    node.name, node.body = name, statements
    return text


def _docstrings(tree: ast.Module) -> Iterator[tuple[ast.Module | Definition, ast.Expr]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, *DEFINITIONS)) and node.body:
            first = node.body[0]
            value = first.value if isinstance(first, ast.Expr) else None
            if isinstance(first, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield node, first


def _codes(text: str, texts: list[str], tree: ast.Module) -> list[str]:
    """Every line without comments, and without docstrings that stand on lines of their own."""
    codes = list(texts)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                codes[token.start[0] - 1] = texts[token.start[0] - 1][: token.start[1]].rstrip()
    except (tokenize.TokenError, SyntaxError, IndexError):
        return list(texts)
    for _, docstring in _docstrings(tree):
        line = texts[docstring.lineno - 1].encode()
        if not line[: docstring.col_offset].strip():
            for number in range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1):
                codes[number - 1] = ""
    return codes


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node, docstring in list(_docstrings(tree)):
        node.body = [statement for statement in node.body if statement is not docstring] or [ast.Pass()]
    return tree


def _without_edges(numbers: list[int], texts: list[str]) -> list[int]:
    """Without the blank lines at both ends of every run of consecutive lines."""
    kept: list[int] = []
    for chunk in _runs(numbers):
        filled = [i for i, number in enumerate(chunk) if texts[number - 1].strip()]
        kept += chunk[filled[0] : filled[-1] + 1] if filled else []
    return kept


def _runs(numbers: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs
