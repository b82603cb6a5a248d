"""Python text cut into coloured pieces, line by line, for terminal and page.

    coloured("x = 1  # one")      # [[("", "x "), ("", "="), ..., ("c", "# one")]]

Colour says nothing on correctness: any text is coloured, whatever its syntax. Joined pieces are the text.
"""

from dataclasses import dataclass
from functools import lru_cache

from speedrun.study.diff_wording import visible
from speedrun.study.line_diff import Row, emphasis
from speedrun.study.program_source import Program
from speedrun.study.structure_diff import Pair

Pieces = list[tuple[str, str]]  # kind and text; kinds are keys of KINDS, or "" for the rest

KINDS = {  # kind: the token of pygments
    "c": "Token.Comment",
    "s": "Token.Literal.String",
    "n": "Token.Literal.Number",
    "k": "Token.Keyword",
    "f": "Token.Name.Function",
    "t": "Token.Name.Class",
    "d": "Token.Name.Decorator",
    "b": "Token.Name.Builtin",
    "o": "Token.Operator.Word",
}


@lru_cache(maxsize=64)  # in a history every program is compared twice
def coloured(text: str) -> list[Pieces]:
    """Of each line, spelled out as `visible` has it."""
    from pygments.lexers.python import PythonLexer

    shown = "\n".join(visible(line) for line in text.split("\n"))
    kinds: dict[str, str] = {}
    lines: list[Pieces] = [[]]
    for token, piece in PythonLexer(stripnl=False, ensurenl=False).get_tokens(shown):
        name = str(token)
        if name not in kinds:
            kinds[name] = next((kind for kind, start in KINDS.items() if name.startswith(start)), "")
        first, *others = piece.split("\n")
        lines[-1].append((kinds[name], first))
        for other in others:
            lines.append([(kinds[name], other)])
    return lines


@dataclass(frozen=True)
class Colours:
    """The lines of two programs."""

    before: Program
    after: Program

    def line(self, row: Row, pair: Pair, old: bool) -> list[tuple[str, str, bool]]:
        """One side of a row as pieces: kind, text, and whether it differs from the other side of a changed line."""
        line, unit = (row.before, pair.before) if old else (row.after, pair.after)
        if line is None or unit is None:
            return []
        spans: list[tuple[int, int]] = []
        if row.kind == "~" and row.before and row.after:
            spans = emphasis(visible(row.before.text), visible(row.after.text))[0 if old else 1]
        return _cut(self._file(old, unit.role)[line.number - 1], spans)

    def _file(self, old: bool, role: str) -> list[Pieces]:
        files = (self.before if old else self.after).files
        return coloured(next(file.text for i, file in enumerate(files) if (file.name if i else "") == role))


def _cut(pieces: Pieces, spans: list[tuple[int, int]]) -> list[tuple[str, str, bool]]:
    """The pieces cut at the ends of `spans`; the third says whether a piece lies within one."""
    ends = sorted({end for span in spans for end in span})
    found, place = [], 0
    for kind, text in pieces:
        cuts = [0, *(end - place for end in ends if place < end < place + len(text)), len(text)]
        for start, end in zip(cuts, cuts[1:], strict=False):
            inside = any(low <= place + start < high for low, high in spans)
            if end > start:
                found.append((kind, text[start:end], inside))
        place += len(text)
    return found
