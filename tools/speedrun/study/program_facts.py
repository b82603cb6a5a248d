"""What is known of a program only by building its model: parameters, optimizer groups, schedules.

    with asking([program, other], run=False) as inquiry:     # starts one process for all of them; does not wait
        before, after = inquiry.answers()                    # Facts, or a sentence that says why they are not known

Frozen milestones and the live script are asked (model_facts.py), other programs only where `run` says so. Answers are
kept in the user's cache folder; an entry that is not exactly what was written there counts for nothing.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from speedrun.files import write_text
from speedrun.reading.logs import printable
from speedrun.study.program_source import Program

TIME_LIMIT = 60  # seconds, for all programs together
FORMAT = 1  # raise it when model_facts.py answers otherwise
NOT_RUN = "not known without running it; --run does that"


@dataclass(frozen=True)
class Group:
    """Tensors that share an optimizer and its settings."""

    optimizer: str
    learning_rate: float
    tensors: int
    weights: int
    names: tuple[str, ...]  # "blocks.*.mlp.up.weight"
    options: dict[str, float | tuple[float, ...]]


@dataclass(frozen=True)
class Facts:
    """With the default hyperparameters of the program, which are the official run."""

    parameters: int
    parts: dict[str, int]  # parameters of each part of the model
    multiplying: int  # weights that multiply every token: matrices, the head included, tables not
    tied_head: bool
    groups: tuple[Group, ...]
    schedules: dict[str, tuple[tuple[int, float], ...]]  # (step, value) where it bends


@dataclass
class Inquiry:
    """Answers as far as they are known, and the process that gives the others."""

    found: list[Facts | str]
    asked: list[tuple[int, Program]]
    process: subprocess.Popen[bytes] | None = None
    folders: list[tempfile.TemporaryDirectory] = field(default_factory=list)

    def answers(self) -> list[Facts | str]:
        """Waits for the process, at most TIME_LIMIT seconds."""
        if self.process is None:
            return self.found
        given = _output(self.process)
        for place, (i, program) in enumerate(self.asked):
            answer = given[place] if isinstance(given, list) and len(given) == len(self.asked) else given
            facts = read_facts(answer)
            if facts is None:
                error = answer.get("error") if isinstance(answer, dict) else answer
                self.found[i] = f"not known: {printable(error or 'it gave no answer')[:200]}"
            else:
                self.found[i] = facts
                _store(program, answer)
        self.process = None
        return self.found

    def close(self) -> None:
        """Ends what is still running."""
        if self.process is not None:
            _end(self.process)
        for folder in self.folders:
            folder.cleanup()


@contextmanager
def asking(programs: Sequence[Program], run: bool = False) -> Iterator[Inquiry]:
    """`run`: also programs that are neither frozen nor live, which executes whatever they hold."""
    inquiry = Inquiry([NOT_RUN] * len(programs), [])
    command: list[str] = []
    for i, program in enumerate(programs):
        if program.script is None and not run:
            continue
        kept = _stored(program)
        if kept is not None:
            inquiry.found[i] = kept
        else:
            inquiry.asked.append((i, program))
            command += _script(program, inquiry)
    try:
        inquiry.process = _start(command) if command else None
        yield inquiry
    finally:
        inquiry.close()


def _script(program: Program, inquiry: Inquiry) -> list[str]:
    """Path and sha256 of what is to be run; a program that is in no file of its own gets one for the time."""
    if program.script is not None:
        return [str(program.script), program.sha256]
    folder = tempfile.TemporaryDirectory(prefix="speedrun_")
    inquiry.folders.append(folder)
    names = ["main.py", *(Path(file.name).name for file in program.files[1:])]
    for name, file in zip(names, program.files, strict=True):
        if name.endswith(".py"):
            Path(folder.name, name).write_text(file.text, encoding="utf-8")
    return [str(Path(folder.name, "main.py")), hashlib.sha256(program.main.text.encode()).hexdigest()]


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that it can be ended with all that it started; without GPUs or process groups."""
    hidden = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "speedrun.study.model_facts", *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        start_new_session=True,
    )  # fmt: skip


def _output(process: subprocess.Popen[bytes]) -> Any:
    """What the process printed as JSON, or a sentence on why there is none."""
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        return f"it was not built within {TIME_LIMIT} s"
    finally:
        _end(process)
    try:
        return json.loads(output)
    except (ValueError, RecursionError):
        return f"it ended with exit code {process.returncode}"


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def read_facts(answer: Any) -> Facts | None:
    """An answer of model_facts.py, or of the cache; None where it is not exactly of that form."""
    try:
        groups = tuple(_group(group) for group in answer["groups"])
        schedules = {
            _is(name, str): tuple((_is(step, int), _is(value, float)) for step, value in points)
            for name, points in answer["schedules"].items()
        }
        parts = {_is(name, str): _is(count, int) for name, count in answer["parts"].items()}
        counts = _is(answer["parameters"], int), parts, _is(answer["multiplying"], int), _is(answer["tied_head"], bool)
        return Facts(*counts, groups, schedules)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _group(table: Any) -> Group:
    return Group(
        optimizer=_is(table["optimizer"], str),
        learning_rate=_is(table["learning_rate"], float),
        tensors=_is(table["tensors"], int),
        weights=_is(table["weights"], int),
        names=tuple(_is(name, str) for name in table["names"]),
        options={
            _is(name, str): tuple(_is(v, float) for v in value) if isinstance(value, list) else _is(value, float)
            for name, value in table["options"].items()
        },
    )


def _is(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(value)
    return printable(value) if kind is str else value


def _place(program: Program) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = f"{FORMAT} {program.sha256} {version('torch')}"  # the program's own defaults: no flags
    return Path(base) / "speedrun" / "facts" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _digest(answer: Any) -> str:
    return hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()


def _stored(program: Program) -> Facts | None:
    try:
        entry = json.loads(_place(program).read_bytes())
        intact = entry["program"] == program.sha256 and entry["sha256"] == _digest(entry["facts"])
        return read_facts(entry["facts"]) if intact else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _store(program: Program, answer: Any) -> None:
    entry = {"program": program.sha256, "facts": answer, "sha256": _digest(answer)}
    with suppress(OSError):  # a cache that cannot be written costs time and nothing else
        write_text(_place(program), json.dumps(entry))
