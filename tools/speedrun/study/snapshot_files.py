"""Snapshots of programs as files, with a provenance.json beside them that says where they are from.

    write({Path("old"): from_git(Path("clone"), "4a452a2", "train_gpt2.py")}, force=False)

The same snapshot gives the same bytes. Nothing is run or imported: a program is parsed at most, to say whether this
Python could.
"""

import ast
import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speedrun.errors import UserError
from speedrun.files import whole_file
from speedrun.reading.logs import printable
from speedrun.reading.programs import ProgramFile
from speedrun.study.program_source import stated_files
from speedrun.study.snapshots import PROVENANCE, Snapshot, is_plain


def provenance(snapshot: Snapshot) -> dict[str, Any]:
    return asdict(snapshot.origin) | {"files": [_file(file) for file in snapshot.files]}


def _file(file: ProgramFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": len(file.text),
        "lines": len(file.text.splitlines()),
        "sha256": hashlib.sha256(file.text).hexdigest(),
        "syntax": syntax(file.text) if file.name.endswith(".py") else None,
    }


def syntax(program: bytes) -> str | None:
    """Why this Python cannot parse the program; None where it can. It becomes no code, and is not run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes and comparisons in the program
            ast.parse(program)
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        why = f"{line}{printable(error.msg)}"
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nested too deeply
        why = printable(error) or "nested too deeply"
    else:
        return None
    return f"Python {sys.version_info.major}.{sys.version_info.minor} cannot parse: {why}"


def write(found: Mapping[Path, Snapshot], force: bool) -> dict[Path, dict[str, Any]]:
    """Write each snapshot to its folder, and return what the provenance.json there says.

    UserError, before anything is written, where a file is in the way. A folder that is new appears whole or not at
    all. With `force` one that exists gets its files one by one, each whole, and loses those of an earlier snapshot
    that this one lacks; its provenance.json comes last, so that a call that was interrupted can be repeated.
    """
    documents = {folder: provenance(snapshot) for folder, snapshot in found.items()}
    contents = {folder: _contents(snapshot, documents[folder]) for folder, snapshot in found.items()}
    for folder, files in contents.items():
        _check_free(folder, files, force)
    for folder, files in contents.items():
        _place(folder, files)
    return documents


def _contents(snapshot: Snapshot, document: dict[str, Any]) -> dict[str, bytes]:
    """The bytes of each file by its name."""
    stated = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return {file.name: file.text for file in snapshot.files} | {PROVENANCE: stated.encode()}


def _check_free(folder: Path, names: Iterable[str], force: bool) -> None:
    above = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not above.is_dir():
        raise UserError(f"{printable(above)}: is no folder: name another with --to")
    for path in (folder / name for name in names):
        if path.is_dir():
            raise UserError(f"{printable(path)}: is a folder: name another place with --to")
        if os.path.lexists(path) and not force:
            raise UserError(f"{printable(path)}: exists: name another folder with --to, or replace it with --force")


def _place(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(folder.parent, os.W_OK):
        raise UserError(f"{printable(folder.parent)}: not yours to write in: name another folder with --to")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".extract.") as scratch:
        whole = Path(scratch, "whole")  # a temporary folder itself is closed to other users
        for name, content in contents.items():
            with whole_file(whole / name) as file:
                file.write(content)
        if not folder.exists():
            whole.rename(folder)
            return
        for name in (name for name in contents if name != PROVENANCE):
            os.replace(whole / name, folder / name)
        for path in _left_over(folder, contents):
            path.unlink()
        os.replace(whole / PROVENANCE, folder / PROVENANCE)


def _left_over(folder: Path, names: Iterable[str]) -> list[Path]:
    """The files that the provenance.json there names and this snapshot lacks. Anyone may have written it: no path, no
    link and no folder is taken for a file of a snapshot."""
    kept = {name.casefold() for name in names}  # a file system may not tell a.py from A.py
    named = [folder / name for name in dict.fromkeys(_named(folder)) if is_plain(name) and name.casefold() not in kept]
    return [path for path in named if path.is_file() and not path.is_symlink()]


def _named(folder: Path) -> list[str]:
    path = folder / PROVENANCE
    try:
        return [] if path.is_symlink() else stated_files(path)
    except (UserError, OSError):  # no regular file, too large, not to be read: an earlier snapshot wrote none such
        return []
