"""Any run log of the public speedrun, or of ours, as one LogFile, whatever bytes the file holds.

    file = read_file("records/track_1_short/2024-10-10_Muon/x.txt", content)
    print(file.dialect, [run.final for run in file.runs])

Dialects, told by content alone: "source-first" (the program, a line of 100 "=", the header, such a line, the steps),
"separator-first" (such a line leads), "llm.c" ("s:125 tel:5.1", no program), "console" (what a terminal showed: no
program), "fragment" (one validation line), "speedrun" (our own), "none". Programs and READMEs hold text that looks
like steps and headers, so only what follows the last separator counts, and only lines that match from end to end.

Not here: finding the files (archive.py), and which runs belong to which record.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from speedrun.reading.log_headers import read_header
from speedrun.reading.log_steps import LLM_C, STEPS, read_runs
from speedrun.reading.logfile import LogFile, LoggedRun, Val
from speedrun.reading.logs import LogError, parse_log, printable
from speedrun.reading.programs import Span, is_own, program_span, separators, split, unified
from speedrun.reading.runs import Run

LLM_C_LINE = re.compile(rb"s:\d{1,9} (?:tel|trl):")
PEAK = re.compile(rb"peak memory (?:allocated|consumption): (\d{1,9}) MiB")
TAIL = 4096  # bytes at the end in which the line on peak memory is looked for
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
CUT_OFF = {None: "was cut off: its last line is missing", "interrupted": "was interrupted", "diverged": "diverged"}


def read_file(path: str, content: bytes) -> LogFile:
    """What `content` says; `path` names it. Never raises."""
    text = unified(content)
    if is_own(text):
        return _own(path, content)
    places = separators(text)
    body_start = places[-1].end if places else 0
    body = text[body_start:]
    llm_c = not places and LLM_C_LINE.match(text) is not None
    runs, first_step = read_runs(body, LLM_C if llm_c else STEPS)
    if not runs:
        return _no_log(path, content, _why(content, places))
    program = program_span(text, places)
    header = read_header(text[program.end if program else 0 : body_start + first_step])
    source = text[program.start : program.end] if program else b""
    return LogFile(
        path=path if path.isprintable() else printable(path),
        dialect="llm.c" if llm_c else _dialect(text, places, runs),
        reason=None,
        size=len(content),
        content_sha256=hashlib.sha256(content).hexdigest(),
        runs=runs,
        gpu=header.gpu,
        gpu_count=header.gpu_count,
        python=header.python,
        torch=header.torch,
        cuda=header.cuda,
        driver=header.driver,
        date=header.date,
        peak_memory_mib=_peak_memory(body),
        program_sha256=hashlib.sha256(source).hexdigest() if program else None,
        program_files=tuple(file.name for file in split(source)) if program else (),
    )


def _dialect(text: bytes, places: list[Span], runs: tuple[LoggedRun, ...]) -> str:
    if places:
        return "source-first" if text[: places[0].start].strip() else "separator-first"
    one_line = b"\n" not in text.strip()
    return "fragment" if one_line and len(runs) == 1 and len(runs[0].val) == 1 else "console"


def _why(content: bytes, places: list[Span]) -> str:
    if not content.strip():
        return "is empty"
    if content.startswith(UTF_16):
        return "is UTF-16 text: save it as UTF-8 to have it read"
    return "has no step lines after its last line of 100 '='" if places else "has no step lines"


def _peak_memory(body: bytes) -> int | None:
    found = PEAK.findall(body[-TAIL:])
    return int(found[-1]) if found else None


def _no_log(path: str, content: bytes, reason: str) -> LogFile:
    nothing = dict.fromkeys(("gpu", "gpu_count", "python", "torch", "cuda", "driver", "date", "peak_memory_mib"))
    return LogFile(
        path=path if path.isprintable() else printable(path),
        dialect="none",
        reason=reason,
        size=len(content),
        content_sha256=hashlib.sha256(content).hexdigest(),
        runs=(),
        program_sha256=None,
        program_files=(),
        **nothing,
    )


def _own(path: str, content: bytes) -> LogFile:
    try:
        run = parse_log(Path("log"), content)
    except LogError as error:
        return _no_log(path, content, str(error).removeprefix("log: "))
    host = run.header.host
    text = unified(content)
    program = program_span(text, separators(text))
    return LogFile(
        path=path if path.isprintable() else printable(path),
        dialect="speedrun",
        reason=None,
        size=len(content),
        content_sha256=hashlib.sha256(content).hexdigest(),
        runs=(_own_run(run),),
        gpu=host.gpu,
        gpu_count=host.gpu_count,
        python=host.python,
        torch=host.torch,
        cuda=host.cuda,
        driver=host.driver,
        date=run.header.started or None,
        peak_memory_mib=run.peak_memory_mib,
        program_sha256=run.program_sha256,
        program_files=tuple(file.name for file in split(text[program.start : program.end])) if program else (),
        more=_more(run),
    )


def _own_run(run: Run) -> LoggedRun:
    end = f"at step {run.last_step} of {run.planned_steps}"
    cut_off = [] if run.finished == "completed" else [f"{CUT_OFF[run.finished]}, {end}"]
    return LoggedRun(
        index=0,
        planned_steps=run.planned_steps,
        last_step=run.last_step,
        complete=run.complete,
        val=tuple(Val(*point) for point in run.val),
        others={},
        clock_reset_at=None,
        warnings=(*cut_off, *run.doubts),
    )


def _more(run: Run) -> dict[str, Any]:
    """What only our own format states."""
    header = run.header
    return {
        "run_id": header.run_id,
        "milestone": header.milestone,
        "track": header.track or None,
        "seed": header.seed,
        "state": run.state,
        "finished": run.finished,
        "tokens": run.tokens,
        "cpu": header.host.cpu,
        "cores": header.host.cores,
        "world_size": header.world_size,
        "code_sha256": header.code_sha256,
        "hyperparameters": header.hyperparameters,
    }
