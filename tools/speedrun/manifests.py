"""Reading the house's own TOML files, track.toml and milestone.toml, with errors that name file and field.

Not a schema language: a few typed look-ups, so that a slip of the pen ends in one line and not in a traceback.
"""

import math
import reprlib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speedrun.errors import UserError
from speedrun.house import shown

REQUIRED = object()  # default of a field that must be there
KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True)
class Manifest:
    """One table of a TOML file; `where` names it in errors."""

    where: str
    values: Mapping[str, Any]

    def get(self, name: str, kind: type, default: Any = REQUIRED) -> Any:
        """The field as `kind` (str, int, float, bool, list or dict); UserError when it is absent or something else."""
        value = self.values.get(name, default)
        if value is REQUIRED:
            raise UserError(f"{self.where}: {name} is missing; add it ({KINDS[kind]})")
        if name not in self.values:
            return default
        if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
            return float(value)
        if type(value) is not kind:
            raise UserError(f"{self.where}: {name} is {reprlib.repr(value)}, but must be {KINDS[kind]}")
        if kind is float and not math.isfinite(value):
            raise UserError(f"{self.where}: {name} is {value!r}, but must be finite")
        return value

    def all_of(self, name: str, kind: type) -> tuple[Any, ...]:
        """The field as a tuple of `kind`; empty when it is absent."""
        items = {f"{name}[{i}]": item for i, item in enumerate(self.get(name, list, []))}
        return tuple(Manifest(self.where, items).get(item, kind) for item in items)

    def table(self, name: str, default: Any = REQUIRED) -> "Manifest":
        return Manifest(f"{self.where} [{name}]", self.get(name, dict, default))


def read_manifest(path: Path) -> Manifest:
    """The whole file; UserError when it is not TOML. OSError when it cannot be read."""
    try:
        return Manifest(shown(path), tomllib.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise UserError(f"{shown(path)}: not readable as TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{shown(path)}: not readable as TOML: nested too deeply") from error


def folders_with(name: str, parent: Path) -> dict[str, Path]:
    """The folders below `parent` that hold a file of that name, by their own name, in order."""
    return {path.parent.name: path.parent for path in sorted(parent.glob(f"*/{name}"))}
