"""The names that a mistyped one most likely meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint in parentheses to put after a wrong name: those like it, or all when none is; empty without names."""
    known = list(names)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f" (did you mean {' or '.join(near)}?)"
    return f" (there are: {', '.join(known)})" if known else ""
