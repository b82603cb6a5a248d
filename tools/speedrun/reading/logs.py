"""Reading run logs: text that anyone may have written becomes frozen dataclasses or one LogError.

    run = read_log(Path("runs/PLAN/seed_0.txt"))
    runs, problems = read_folder(Path("records"))      # what can be read is read; the rest is named

The format is in DESIGN "The run log": a JSON header line, a line of 100 "=", the program, another such line, step
lines among other text, and a last JSON line that says how the run ended. Only text after the second separator counts
as steps, since the program holds f-strings that look like step lines. Nothing from a log is ever executed.

Not here: whether a run meets its track's rules (cohorts.py), and the dialects of other speedruns.
"""

import hashlib
import json
import math
import os
import re
import stat
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from operator import le, lt
from pathlib import Path
from typing import Any

from speedrun.errors import UserError
from speedrun.reading.printable import printable
from speedrun.reading.runs import FINISHED, Curve, Header, Host, Point, Run, Shard, Step

FORMAT = 1
MAX_BYTES = 256 << 20  # a run log of 1,000,000 steps is 80 MB; what is larger is something else
MAX_TEXT = 300  # characters of one name in a header
SEPARATOR = re.compile(rb"^={100}\r?\n", re.MULTILINE)
# No minus sign: a mean cross entropy and a clock are never negative. Digits are bounded: so is every number.
STEP_GRAMMAR = (
    r"step:(\d{1,9})/(\d{1,9}) (train|val)_loss:(\d{1,9}\.\d{1,12}|nan|inf) "
    r"train_time:(\d{1,12})ms step_avg:(?:\d{1,12}\.\d{1,6}|nan)ms\r?"
)
STEP_LINE = re.compile(STEP_GRAMMAR, re.ASCII)
STEP_LINES = re.compile(rb"^" + STEP_GRAMMAR.encode() + rb"$", re.MULTILINE)


class LogError(UserError):
    """This file is no run log that can be read; the message says which file, why and where, in one line."""


def match_step(line: str) -> Step | None:
    """The step that this line reports, or None for any other line."""
    match = STEP_LINE.fullmatch(line.rstrip("\n"))
    return _step(*match.groups()) if match else None


def _step(step: Any, planned: Any, kind: Any, loss: Any, ms: Any) -> Step:
    return Step(int(step), int(planned), kind, float(loss), int(ms))


def read_log(path: Path) -> Run:
    """Read one run log. Raises LogError, and nothing else, for whatever bytes the file holds."""
    try:
        return parse_log(path, _content(path))
    except OSError as error:
        raise LogError(f"{printable(path)}: {error.strerror or error}") from error


def _content(path: Path) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise LogError(f"{printable(path)}: is {what}, not a run log")
    if status.st_size > MAX_BYTES:
        raise LogError(f"{printable(path)}: {status.st_size:,} bytes; a run log has at most {MAX_BYTES:,}")
    return path.read_bytes()


def parse_log(path: Path, content: bytes) -> Run:
    """What `content` tells; `path` names it in errors. Raises LogError."""
    first, _, rest = content.partition(b"\n")
    try:
        header = _header(_json_line(first))
        program, body = _split(rest)
        planned, val, train = _curves(body)
        end, lasts = _last_line(body), [Point(0, 0.0, 0), *val[-1:], *train[-1:]]
        return Run(
            path=path,
            header=header,
            program_sha256=_program_sha256(program, header.code_sha256),
            planned_steps=_known(planned, _optional(header.hyperparameters, "num_iterations", int)),
            val=val,
            train=train,
            finished=end.get("finished"),
            final_val_loss=_optional(end, "final_val_loss", float),
            train_time_ms=_known(_optional(end, "train_time_ms", int), max(last.ms for last in lasts)),
            tokens=_known(_optional(end, "tokens", int), header.tokens_per_step * max(last.step for last in lasts)),
            peak_memory_mib=_optional(end, "peak_memory_mib", int),
        )
    except LogError as error:
        raise LogError(f"{printable(path)}: {error}") from None


def _known(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _json_line(line: bytes) -> dict[str, Any]:
    if not line.startswith(b"{"):
        told = "is no run log of this project's format, whose first line is a JSON header; speedrun parse reads others"
        raise LogError(told if line.strip() else "is empty")
    try:
        # Not finite is not known: no statistic may meet it, and no JSON can hold it.
        table = json.loads(line.decode("utf-8"), parse_float=_finite, parse_constant=lambda _: None)
        json.dumps(table, ensure_ascii=False).encode("utf-8")  # refuses halves of surrogate pairs
    except (ValueError, RecursionError):  # UnicodeError and JSONDecodeError are ValueErrors
        raise LogError("is no run log: its first line is not readable as JSON") from None
    if not isinstance(table, dict) or "speedrun_log" not in table:
        raise LogError("is no run log: its first line has no speedrun_log")
    return table


def _finite(text: str) -> float | None:
    return value if math.isfinite(value := float(text)) else None


def _optional(table: dict[str, Any], name: str, kind: type) -> Any:
    """table[name] where it is a sane value of that kind (a float may be written as an int), else None."""
    value: Any = table.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        return None
    if kind is str:
        return printable(value)[:MAX_TEXT]
    if kind in (int, float) and not -(2**63) <= value < 2**63:
        return None
    return kind(value)


def _required(table: dict[str, Any], name: str, kind: type) -> Any:
    value = _optional(table, name, kind)
    if value is None:
        raise LogError(f"its header has no {name} ({kind.__name__})")
    return value


def _header(table: dict[str, Any]) -> Header:
    if table["speedrun_log"] != FORMAT:
        raise LogError(
            f"is a log of format {printable(table['speedrun_log'])[:20]}; this program reads format {FORMAT}"
        )
    data, git, host = _required(table, "data", dict), table.get("git"), _required(table, "host", dict)
    git = git if isinstance(git, dict) else {}
    tokens_per_step, world_size = _required(table, "tokens_per_step", int), _required(table, "world_size", int)
    if tokens_per_step < 1 or world_size < 1:
        raise LogError("its header has a tokens_per_step or world_size below 1")
    return Header(
        run_id=_required(table, "run_id", str),
        milestone=_required(table, "milestone", str),
        track=_optional(table, "track", str) or "",
        seed=_required(table, "seed", int),
        world_size=world_size,
        hyperparameters=_required(table, "hyperparameters", dict),
        code_sha256=_required(table, "code_sha256", str),
        train_data=_shards(data, "train"),
        val_data=_shards(data, "val"),
        commit=_optional(git, "commit", str),
        dirty=git["dirty"] if isinstance(git.get("dirty"), bool) else None,
        host=_host(host),
        started=_optional(table, "started", str) or "",
        tokens_per_step=tokens_per_step,
        parameters=_optional(table, "parameters", int) or 0,
    )


def _host(table: dict[str, Any]) -> Host:
    texts = {name: _optional(table, name, str) for name in ("cpu", "gpu", "driver", "python", "torch", "cuda", "os")}
    return Host(
        **texts,
        cores=_optional(table, "cores", int),
        gpu_count=_optional(table, "gpu_count", int) or 0,
        threads=_optional(table, "threads", int),
        memory_gib=_optional(table, "memory_gib", float),
    )


def _shards(data: dict[str, Any], split: str) -> tuple[Shard, ...]:
    rows = _required(data, split, list)
    if not all(isinstance(row, dict) for row in rows):
        raise LogError(f"its header's data.{split} is not a list of shards")
    return tuple(
        Shard(_required(r, "name", str), _required(r, "tokens", int), _required(r, "sha256", str)) for r in rows
    )


def _split(rest: bytes) -> tuple[bytes | None, bytes]:
    """The program and what follows its closing separator; (None, b"") where the log ends before that."""
    opening = SEPARATOR.match(rest)
    closing = SEPARATOR.search(rest, opening.end()) if opening else None
    if not opening or not closing:
        return None, b""
    return rest[opening.end() : closing.start()], rest[closing.end() :]


def _program_sha256(program: bytes | None, claimed: str) -> str | None:
    """A program without a newline at its end is given one by the log; its own sha256 is without it.

    Nor has it the carriage returns that a checkout or a copy on Windows gives to all lines of a log.
    """
    if program is None:
        return None
    texts = [text for one in (program, program.replace(b"\r\n", b"\n")) for text in (one, one.removesuffix(b"\n"))]
    digests = [hashlib.sha256(text).hexdigest() for text in texts]
    return claimed if claimed in digests else digests[0]


def _curves(body: bytes) -> tuple[int | None, tuple[Point, ...], Curve]:
    """Planned steps (None without step lines), validation and training losses. Raises LogError where they go back."""
    lines = STEP_LINES.findall(body)
    if not lines:
        return None, (), _curve((), (), (), ())
    step_texts, planned_texts, kinds, loss_texts, ms_texts = zip(*lines, strict=True)
    steps, ms = [*map(int, step_texts)], [*map(int, ms_texts)]
    losses, is_val = [*map(float, loss_texts)], [kind == b"val" for kind in kinds]
    planned = int(planned_texts[0])
    if set(planned_texts) != {planned_texts[0]} or max(steps) > planned:
        raise LogError(f"steps beyond the {planned} planned at its start: more than one run in it, or damaged")
    # The training line of a step stands before its validation.
    places = [2 * step + val for step, val in zip(steps, is_val, strict=True)]
    if (i := _first_not(lt, places)) is not None:
        raise LogError(f"step {steps[i + 1]} follows step {steps[i]}: more than one run in it, or damaged")
    if (i := _first_not(le, ms)) is not None:
        raise LogError(f"the clock goes back from {ms[i]} to {ms[i + 1]} ms at step {steps[i + 1]}")
    val = tuple(_curve(steps, losses, ms, is_val))
    return planned, val, _curve(steps, losses, ms, [not one for one in is_val])


def _first_not(ordered: Callable[[int, int], bool], values: list[int]) -> int | None:
    """The first index at which a value and the next are not so ordered."""
    good = list(map(ordered, values, values[1:]))
    return None if all(good) else good.index(False)


def _curve(steps: Sequence[int], losses: Sequence[float], ms: Sequence[int], chosen: Sequence[bool]) -> Curve:
    """The chosen points whose loss is finite."""
    kept = [c and math.isfinite(loss) for c, loss in zip(chosen, losses, strict=True)]
    return Curve(array("q", compress(steps, kept)), array("d", compress(losses, kept)), array("q", compress(ms, kept)))


def _last_line(body: bytes) -> dict[str, Any]:
    """The JSON line that ends a log, or {} when it is missing: then the log was cut off."""
    line = body.rstrip()[-10_000:].rpartition(b"\n")[2]
    try:
        table = json.loads(line.decode("utf-8"), parse_float=_finite, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) and table.get("finished") in FINISHED else {}


def find_logs(paths: Iterable[Path], problems: list[str]) -> Iterator[Path]:
    """The files named, and every .txt below the folders named, each once, in order. Adds to `problems`; links that
    lead to folders are not followed, so none loops or leads outside."""
    seen = set()
    for path in paths:
        found = _below(path, problems) if os.path.isdir(path) else [path]
        for file in found:
            if file not in seen:
                seen.add(file)
                yield file


def _below(folder: Path, problems: list[str]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        problems.append(f"{printable(error.filename)}: {error.strerror}")

    for top, folders, files in os.walk(folder, onerror=unreadable):
        folders.sort()
        problems += [
            f"{printable(Path(top, name))}: is a folder, not a run log" for name in folders if name.endswith(".txt")
        ]
        yield from (Path(top, name) for name in sorted(files) if name.endswith(".txt"))


def read_logs(paths: Iterable[Path]) -> tuple[list[Run], list[str]]:
    """The runs in these files and folders, and one line for each file that cannot be read."""
    runs, problems = [], []
    for path in find_logs(paths, problems):
        try:
            runs.append(read_log(path))
        except LogError as error:
            problems.append(str(error))
    return runs, problems


def read_folder(path: Path) -> tuple[list[Run], list[str]]:
    """The runs in one file or below one folder, and one line for each file that cannot be read."""
    return read_logs([path])
