"""Where things stand: the folders of the clone that the verbs work in.

SPEEDRUN_HOUSE names another clone (or, in tests, a folder laid out like one).
"""

import os
from pathlib import Path

from speedrun.errors import UserError


def root() -> Path:
    """The clone's top folder; UserError where SPEEDRUN_HOUSE names none."""
    named = os.environ.get("SPEEDRUN_HOUSE")
    if named and not os.path.isdir(named):
        raise UserError(f"SPEEDRUN_HOUSE={named}: no such folder; it names a clone")
    return Path(named).resolve() if named else Path(__file__).resolve().parents[2]


def history() -> Path:
    return root() / "history"


def live() -> Path:
    return root() / "train"


def records() -> Path:
    return root() / "records"


def runs() -> Path:
    return root() / "runs"


def files(pattern: str) -> list[Path]:
    """What a pattern of a track or a flag names, in order; an absolute one may lead out of the clone.

    Wildcards stand in the file's name only. ValueError where it has none, or ** inside of it.
    """
    path = Path(pattern)
    return sorted((root() / path.parent).glob(path.name))


def shown(path: Path) -> str:
    """The path as a user would type it: relative to the working directory where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
