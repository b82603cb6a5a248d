"""One file out of a git clone at any revision, read from its object database: nothing is checked out, nothing is run.

    file_at(Path("clone"), "4a452a2", "train_gpt2.py").content

The clone may be a stranger's. Only `git cat-file --batch` reads it, which applies no filter, textconv, hook or alias of
the clone's configuration; fetching what a partial clone lacks, which could run a command of its choice, is off.

Not here: cloning. A URL is cloned first.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from speedrun.errors import UserError
from speedrun.nearest import nearest
from speedrun.reading.logs import printable

MAX_BYTES = 4 << 20  # the largest program of the public speedrun has 0.2 MB; what is larger is something else
MAX_HINT = 300  # characters of names in an error
SYMLINK = 0o120000  # as git notes it in a tree
OFFLINE = {
    "GIT_NO_LAZY_FETCH": "1",  # git 2.44 and later
    "GIT_ALLOW_PROTOCOL": "none",  # before that: git would fetch, but may use no transport
}


@dataclass(frozen=True)
class GitFile:
    path: str  # inside the clone
    content: bytes
    revision: str  # the commit's full sha
    committed: str | None  # ISO 8601; None where the commit's date is out of range


def file_at(clone: Path, rev: str, path: str) -> GitFile:
    """The file `path` as it was at `rev`: anything that git resolves to a commit."""
    parts = _parts(path)
    with _repository(clone) as repo:
        commit = _commit(repo, clone, rev)
        where = f"{printable(clone)} at {commit.hexsha[:12]}"
        try:
            content = _content(_entry(commit.tree, parts, where), where)
        except _unreadable() as error:
            fetch = shlex.join(["git", "-C", str(clone), "show", f"{commit.hexsha[:12]}:{'/'.join(parts)}"])
            raise UserError(
                f"{where}: the clone does not hold all of {printable('/'.join(parts))}: it is damaged, or partial: "
                f"`{printable(fetch)}` fetches the rest"
            ) from error
        return GitFile("/".join(parts), content, commit.hexsha, _date(commit))


def _parts(path: str) -> tuple[str, ...]:
    pure = PurePosixPath(path)
    if not pure.parts or pure.is_absolute() or ".." in pure.parts:
        raise UserError(f"--path {printable(path)!r}: name a file inside the clone, such as train_gpt2.py")
    return pure.parts


def _gitpython() -> Any:
    try:
        import git
    except ModuleNotFoundError:
        raise
    except ImportError as error:  # gitpython calls git when it is imported
        raise UserError("git cannot be started: install it, or put it in PATH") from error
    return git


def _unreadable() -> tuple[type[Exception], ...]:
    """What gitpython raises for objects, references and configuration that are absent or malformed."""
    from configparser import Error as ConfigError

    from git.exc import GitError, ODBError

    return GitError, ODBError, ConfigError, OSError, ValueError, LookupError, AssertionError, NotImplementedError


@contextmanager
def _repository(clone: Path) -> Iterator[Any]:
    git = _gitpython()
    if not clone.exists():
        raise UserError(f"{printable(clone)}: no such folder (a URL is cloned first: git clone URL)")
    try:
        repo = git.Repo(clone, expand_vars=False)
    except _unreadable() as error:
        what = "is no git clone: name the folder that holds .git, or a bare one"
        raise UserError(f"{printable(clone)}: {what}") from error
    with repo:
        repo.git.update_environment(**OFFLINE)
        _probe(repo, clone)
        yield repo


def _probe(repo: Any, clone: Path) -> None:
    """Let git itself say whether it reads this clone: it refuses strangers' and unknown formats."""
    from git.exc import GitCommandError, GitError

    try:
        if repo.git.rev_parse("--show-object-format") == "sha256":
            raise UserError(f"{printable(clone)}: its objects are named by SHA-256, which gitpython does not read")
    except GitCommandError as error:
        if "dubious ownership" in str(error.stderr):
            trust = shlex.join(["git", "config", "--global", "--add", "safe.directory", str(clone.resolve())])
            said = f"belongs to another user; if you trust it: {trust}"
        else:
            said = "git cannot read it: " + str(error.stderr).partition("fatal: ")[2].partition("\n")[0]
        raise UserError(f"{printable(clone)}: {printable(said)}") from error
    except (GitError, OSError) as error:
        raise UserError("git cannot be started: install it, or put it in PATH") from error


def _commit(repo: Any, clone: Path, rev: str) -> Any:
    try:
        if not rev:
            raise ValueError("no revision")
        commit = repo.commit(rev)
        _ = commit.tree  # read now, so that a commit that is absent is told from absent files
        return commit
    except _unreadable() as error:
        shallow = Path(repo.common_dir, "shallow").exists()
        more = "; the clone is shallow: `git fetch --unshallow` brings the older ones" if shallow else ""
        raise UserError(
            f"{printable(clone)}: no commit {printable(rev)[:MAX_HINT]!r}, or several begin so "
            f"(`git log --all --oneline` lists them){more}"
        ) from error


def _entry(tree: Any, parts: tuple[str, ...], where: str) -> Any:
    """The blob at this path below the tree."""
    item = tree
    for depth, part in enumerate(parts):
        here = "/".join(parts[:depth])
        if item.type != "tree":
            raise UserError(f"{where}: {printable(here)} is no folder")
        children = _children(item)
        if part not in children:
            raise UserError(f"{where}: no {printable('/'.join(parts[: depth + 1]))}{_hint(here, part, children)}")
        item = children[part]
    name = printable("/".join(parts))
    if item.type == "tree":
        raise UserError(f"{where}: {name} is a folder: name a file in it{_hint(name, '', _children(item))}")
    if item.type == "submodule":
        raise UserError(f"{where}: {name} is a submodule, a clone of its own: name that one with --repo")
    if item.mode == SYMLINK:
        raise UserError(f"{where}: {name} is a symbolic link: name the file that it leads to")
    return item


def _children(tree: Any) -> dict[str, Any]:
    return {PurePosixPath(child.path).name: child for child in tree}  # child.name is not known of a submodule


def _hint(folder: str, part: str, children: dict[str, Any]) -> str:
    names = [f"{folder}/{name}" if folder else name for name in sorted(children)]
    hint = nearest(f"{folder}/{part}" if folder else part, map(printable, names))
    return hint if len(hint) <= MAX_HINT else f" (there are {len(names)} other names)"


def _content(blob: Any, where: str) -> bytes:
    if blob.size > MAX_BYTES:
        raise UserError(f"{where}: {printable(blob.path)} has {blob.size:,} bytes; a program has at most {MAX_BYTES:,}")
    return blob.data_stream.read()


def _date(commit: Any) -> str | None:
    try:
        return commit.committed_datetime.isoformat()
    except (ValueError, OverflowError, OSError):
        return None
