"""Which program an argument means: a milestone, a file, a folder of files, a run log, a revision of a git repository.

    program = resolve("03")                         # also "live", "my.py", "runs/PLAN/seed_1.txt", "v1.0:history/..."
    program.files[0].text, program.script           # script is None for a program that must not be run unasked

Reading only: no program is run or imported here.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from speedrun import house
from speedrun.errors import UserError
from speedrun.milestones import LIVE, SCRIPT, Milestone, all_milestones, load_milestone
from speedrun.nearest import nearest
from speedrun.reading.logs import MAX_BYTES, printable

MAX_PROGRAM = 4 << 20  # bytes: the longest public program has 0.2 MB
PROVENANCE = "provenance.json"  # what `extract` writes beside the programs


@dataclass(frozen=True)
class SourceFile:
    name: str  # as it may be shown
    text: str  # lines end in "\n"


@dataclass(frozen=True)
class Program:
    label: str  # short and printable
    origin: str  # where it was found, in words
    files: tuple[SourceFile, ...]  # the main one first
    sha256: str  # of the main file where it is the only one, else of all
    milestone: Milestone | None  # whose program it is, perhaps of another revision
    script: Path | None  # the frozen or live script of this sha256: the only kind of program that is run unasked

    @property
    def main(self) -> SourceFile:
        return self.files[0]


def resolve(argument: str, repo: Path | None = None) -> Program:
    """The program that `argument` means; UserError when there is none. `repo`: the clone that REV:path looks into."""
    name = LIVE if argument == "live" else argument
    names = [milestone.name for milestone in _milestones()]
    if name in names or name.isdecimal():
        return of_milestone(load_milestone(name))
    path = Path(argument)
    if path.is_dir():
        return _of_folder(path)
    if path.exists():
        return _of_file(path)
    if ":" in argument:
        return _of_revision(argument, repo or house.root())
    hint = nearest(argument, [*names, *(["live"] if LIVE in names else [])])
    raise UserError(f"no milestone, file or folder {printable(argument)!r}{hint}; of a git repository: REV:path")


def of_milestone(milestone: Milestone) -> Program:
    """Its script as it is now; one that is no longer what was frozen is compared, but not run."""
    origin = house.shown(milestone.script)
    try:
        content = milestone.script.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{origin} is missing; get it back with git checkout") from None
    digest = hashlib.sha256(content).hexdigest()
    genuine = milestone.name == LIVE or digest == milestone.sha256
    label = "live" if milestone.name == LIVE else milestone.name
    return Program(
        label, origin, (source_file(SCRIPT, content),), digest, milestone, milestone.script if genuine else None
    )


def source_file(name: str, content: bytes) -> SourceFile:
    if len(content) > MAX_PROGRAM:
        raise UserError(f"{printable(name)}: {len(content):,} bytes; a program has at most {MAX_PROGRAM:,}")
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    return SourceFile(printable(name), text.replace("\r\n", "\n").replace("\r", "\n"))


def known_program(label: str, origin: str, files: Iterable[SourceFile], content: bytes) -> Program:
    """A program from anywhere; it is a milestone's where it is the same to the byte."""
    listed, digest = tuple(files), hashlib.sha256(content).hexdigest()
    frozen = {milestone.sha256: milestone for milestone in _milestones() if milestone.sha256}
    # A log gives a program without a newline at its end one.
    digests = [digest, hashlib.sha256(content.removesuffix(b"\n")).hexdigest()]
    same = next((text for text in digests if text in frozen), None) if len(listed) == 1 else None
    if same is None:
        return Program(printable(label), printable(origin), listed, digest, None, None)
    milestone = frozen[same]
    return Program(
        printable(label), f"{printable(origin)}, the program of {milestone.name}", listed, same, milestone,
        milestone.script,
    )  # fmt: skip


@cache
def _milestones_of(root: Path) -> tuple[Milestone, ...]:
    return tuple(all_milestones())


def _milestones() -> tuple[Milestone, ...]:
    return _milestones_of(house.root())


def _content(path: Path, most: int) -> bytes:
    if not path.is_file():
        raise UserError(f"{printable(path)}: is not a regular file")
    if path.stat().st_size > most:
        raise UserError(f"{printable(path)}: {path.stat().st_size:,} bytes; at most {most:,} are read")
    return path.read_bytes()


def _of_file(path: Path) -> Program:
    if path.suffix == ".py":
        content = _content(path, MAX_PROGRAM)
        return known_program(_short(path), house.shown(path), [source_file(path.name, content)], content)
    return of_log(_short(path), _content(path, MAX_BYTES), f"run log {house.shown(path)}")


def _short(path: Path) -> str:
    """The last two parts of a path: what tells programs apart in a title."""
    return "/".join(path.resolve().parts[-2:])


def of_log(label: str, content: bytes, origin: str) -> Program:
    """The program inside a run log of any dialect."""
    from speedrun.reading.programs import embedded, split

    program = embedded(content)
    if program is None:
        raise UserError(f"{printable(label)}: is no .py file, and holds no program as run logs do")
    if len(program) > MAX_PROGRAM:
        raise UserError(f"{printable(label)}: its program has {len(program):,} bytes; at most {MAX_PROGRAM:,} are read")
    files = [source_file(part.name, part.text) for part in split(program)]
    return known_program(label, origin, files or [source_file(SCRIPT, program)], program)


def _of_folder(folder: Path) -> Program:
    """The .py files of a folder that `extract` made, or of any folder in which it is plain which is the main one."""
    paths = _main_first(folder, sorted(path for path in folder.glob("*.py") if path.is_file()))
    contents = [_content(path, MAX_PROGRAM) for path in paths]
    files = [source_file(path.name, content) for path, content in zip(paths, contents, strict=True)]
    named = [f"{path.name}\0".encode() + content for path, content in zip(paths, contents, strict=True)]
    return known_program(
        _short(folder),
        f"{house.shown(folder)}, {len(files)} .py",
        files,
        contents[0] if len(files) == 1 else b"\0".join(named),
    )


def _main_first(folder: Path, paths: list[Path]) -> list[Path]:
    names = [path.name for path in paths]
    stated = [name for name in stated_files(folder / PROVENANCE) if name in names]
    usual = [name for name in names if name.startswith("train")]
    main = stated[0] if stated else names[0] if len(names) == 1 else usual[0] if len(usual) == 1 else None
    if main is None:
        what = f"which of {', '.join(map(printable, names[:4]))} is the main one?" if names else "holds no .py file:"
        raise UserError(f"{printable(folder)}: {what} name a .py file, a run log, or a folder that extract made")
    return sorted(paths, key=lambda path: (path.name != main, path.name))


def stated_files(path: Path) -> list[str]:
    """The names under "files" in a provenance.json, each a text or a table with a name; [] where it states none."""
    try:
        table = json.loads(_content(path, MAX_PROGRAM)) if path.exists() else {}
    except (ValueError, RecursionError):
        return []
    listed: Any = table.get("files") if isinstance(table, dict) else None
    items = listed if isinstance(listed, list) else []
    names = [item.get("name") if isinstance(item, dict) else item for item in items]
    return [name for name in names if isinstance(name, str)]


def _of_revision(argument: str, repo: Path) -> Program:
    """REV:PATH, or REV:03 for the script of a milestone; read from git's objects, without a checkout."""
    from speedrun.study.git_programs import file_at

    revision, _, wanted = argument.partition(":")
    path = _script_of(wanted) or wanted
    parts = PurePosixPath(path).parts
    if not revision or revision.startswith("-") or not parts or parts[0] == "/" or ".." in parts:
        raise UserError(f"{printable(argument)!r} is no REV:PATH, such as HEAD~3:{LIVE}/{SCRIPT} or HEAD~3:03")
    found = file_at(repo, revision, path)
    origin = f"commit {found.revision[:12]} of {repo.resolve().name}"
    if path.endswith(".py"):
        program = known_program(argument, origin, [source_file(parts[-1], found.content)], found.content)
    else:
        program = of_log(argument, found.content, origin)
    if program.milestone is None and repo.resolve() == house.root():
        namesake = next((m for m in _milestones() if path == _script_of(m.name)), None)
        return replace(program, milestone=namesake)  # of another revision: what was published holds for it too
    return program


def _script_of(wanted: str) -> str | None:
    """Where a milestone's script lies in a clone: "3" and "03_distributed_muon" are history/03_.../train_gpt2.py."""
    if wanted in ("live", LIVE):
        return f"{LIVE}/{SCRIPT}"
    for name in (milestone.name for milestone in _milestones()):
        if wanted == name or (wanted.isdecimal() and name.partition("_")[0] == wanted.zfill(2)):
            return f"history/{name}/{SCRIPT}"
    return None
