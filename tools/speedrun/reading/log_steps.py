"""Step lines become runs: the part of reading a log that all dialects but our own share.

    runs, first = read_runs(body, STEPS)      # body: what follows the last separator

Validations are found by a word in them, so the many training lines between two validations of one run are never
looked at; only where a run begins or ends are they read. Every pattern starts at a line's start and bounds its
digits, so that time grows linearly with the text, whatever it holds, and every number is finite.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from speedrun.reading.logfile import LoggedRun, Val

LOSS = rb"(?:\d{1,9}(?:\.\d{1,12})?|-?nan|-?inf)"
STEP = rb"step:(\d{1,9})/(\d{1,9}) "
TIME = rb"train_time:(\d{1,12}(?:\.\d{1,6})?)(ms|s) step_avg:"
AVERAGE = rb"(?:\d{1,12}(?:\.\d{1,6})?|nan|inf)"
END = rb"(?=\n|\Z)"
LONGEST_START = 24  # bytes of a validation line before its mark: "step:", two numbers of nine digits, "/"
HEAD = 2048  # bytes of step lines at a run's start, some 25 lines, in which its clock is followed
MAX_RUNS = 1000  # read of one file; the public archive's fullest has 30
UNTIMED = 10  # steps that the early rules left untimed: step_avg is nan up to there, then the clock starts anew
CLOCK = re.compile(
    rb"^step:(\d{1,9})/\d{1,9} (?:\w{1,20}:\S{1,24} ){0,5}" + TIME + rb"(" + AVERAGE + rb")ms", re.MULTILINE
)
OTHER_LOSS = re.compile(rb" (val_[a-z]{1,20}_loss):(" + LOSS + rb")")


class Grammar(NamedTuple):
    """Patterns with the groups step, planned, loss, other losses, time, unit; empty where a dialect lacks them."""

    mark: bytes  # stands in every validation line
    val: re.Pattern[bytes]
    train: re.Pattern[bytes]


STEPS = Grammar(
    b" val_loss:",
    re.compile(
        rb"%bval_loss:(%b)((?: val_[a-z]{1,20}_loss:%b){0,4}) %b%bms(?: [^\n]*)?%b"
        % (STEP, LOSS, LOSS, TIME, AVERAGE, END)
    ),
    re.compile(rb"^%b()(?:train_loss:%b )?()%b%bms%b" % (STEP, LOSS, TIME, AVERAGE, END), re.MULTILINE),
)
LLM_C = Grammar(  # states neither the planned steps nor any time
    b" tel:",
    re.compile(rb"s:(\d{1,9})() tel:(%b)()()()%b" % (LOSS, END)),
    re.compile(rb"^s:(\d{1,9})()() trl:%b(?: lr:[^\s]{1,24} norm:[^\s]{1,24})?()()()%b" % (LOSS, END), re.MULTILINE),
)


class Line(NamedTuple):
    """A validation, or (loss None) a training step."""

    step: int
    planned: int | None
    loss: float | None  # math.inf where it is not finite
    ms: float | None
    others: bytes
    start: int
    end: int

    @property
    def told(self) -> tuple:
        """What the line says, wherever it stands."""
        return self[:5]


def read_runs(body: bytes, grammar: Grammar) -> tuple[tuple[LoggedRun, ...], int]:
    """The runs whose step lines a log's body holds, and where the first of those lines starts."""
    lines = _lines(body, grammar)
    groups, repeats = _without_repeats(_groups(lines))
    unread = f", of which only {MAX_RUNS} are read" if len(groups) > MAX_RUNS else ""
    runs = []
    for index, group in enumerate(groups[:MAX_RUNS]):
        end = groups[index + 1][0].start if index + 1 < len(groups) else len(body)
        reset = _clock_reset(body, group[0].start, end)
        alone = [f"is run {index + 1} of the {len(groups)} in its file{unread}"] if len(groups) > 1 else []
        repeated = [f"{repeats[index]} lines repeat its validations"] if repeats[index] else []
        runs.append(_run(index, group, reset, [*alone, *repeated]))
    return tuple(runs), lines[0].start if lines else len(body)


def _lines(body: bytes, grammar: Grammar) -> list[Line]:
    """All validations, and the training lines that stand where no validation tells which run they are of."""
    lines: list[Line] = []
    end = 0
    for match in _validations(body, grammar):
        line = _line(match)
        if not lines or not _goes_on(lines[-1], line):
            if lines and lines[-1].told == line.told and line.start <= end + 1:  # printed twice in a row
                end = line.end
                continue
            lines += _training(body, grammar, end, line.start)
        lines.append(line)
        end = line.end
    return [*lines, *_training(body, grammar, end, len(body))]


def _validations(body: bytes, grammar: Grammar) -> Iterator[re.Match[bytes]]:
    place = body.find(grammar.mark)
    while place >= 0:
        lowest = max(0, place - LONGEST_START - 1)
        newline = body.rfind(b"\n", lowest, place)
        match = grammar.val.match(body, newline + 1) if newline >= 0 or lowest == 0 else None
        if match:
            yield match
        place = body.find(grammar.mark, match.end() if match else place + 1)


def _training(body: bytes, grammar: Grammar, start: int, end: int) -> list[Line]:
    return [_line(match) for match in grammar.train.finditer(body, start, end)]


def _line(match: re.Match[bytes]) -> Line:
    step, planned, loss, others, time, unit = match.groups()
    value = float(loss) if loss else None
    return Line(
        int(step),
        int(planned) if planned else None,
        math.inf if value is not None and not math.isfinite(value) else value,
        milliseconds(time, unit) if time else None,
        others,
        match.start(),
        match.end(),
    )


def milliseconds(time: bytes, unit: bytes) -> float:
    """Track 3 logs seconds with three decimals, the others whole milliseconds. Whole values are ints."""
    value = float(time) if unit == b"ms" else round(1000 * float(time), 3)
    return int(value) if value.is_integer() else value


def _goes_on(line: Line, following: Line) -> bool:
    """Whether two lines are of one run. The training line of a step stands before its validation."""
    later = following.step > line.step or (
        following.step == line.step and line.loss is None and following.loss is not None
    )
    return later and following.planned == line.planned


def _groups(lines: Sequence[Line]) -> list[list[Line]]:
    groups: list[list[Line]] = []
    for line in lines:
        if groups and _goes_on(groups[-1][-1], line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _without_repeats(groups: list[list[Line]]) -> tuple[list[list[Line]], list[int]]:
    """The groups but those that are some of the last lines of the one before, as when a console shows the end of a log
    again; and for each how many lines so repeat it."""
    kept: list[list[Line]] = []
    repeats: list[int] = []
    former: dict[tuple, None] = {}  # what its validations told, in order
    for group in groups:
        told = dict.fromkeys(line.told for line in group if line.loss is not None)
        if former and group[-1].told == next(reversed(former)) and told.keys() <= former.keys():
            repeats[-1] += len(told)
            continue
        kept.append(group)
        repeats.append(0)
        former = told
    return kept, repeats


def _clock_reset(body: bytes, start: int, end: int) -> int | None:
    """The step after which the clock falls near the run's start: the early rules left ten steps untimed."""
    found = CLOCK.findall(body, start, min(end, start + HEAD))
    times = [(int(step), milliseconds(time, unit), average) for step, time, unit, average in found]
    for (step, ms, _), (following, later, _) in zip(times, times[1:], strict=False):
        if following > step and later < ms:
            return step
    return UNTIMED if any(step == UNTIMED and average == b"nan" for step, _, average in times) else None


def _run(index: int, group: Sequence[Line], reset: int | None, warnings: list[str]) -> LoggedRun:
    told = [line for line in group if line.loss is not None]
    finite = [line for line in told if line.loss is not None and line.loss < math.inf]
    val = tuple(Val(line.step, line.loss, line.ms) for line in finite if line.loss is not None)
    planned, last = group[0].planned, group[-1].step
    others = _others(finite)
    return LoggedRun(
        index=index,
        planned_steps=planned,
        last_step=last,
        complete=bool(val) and bool(planned) and val[-1].step == planned,
        val=val,
        others=others,
        clock_reset_at=reset,
        warnings=(
            *warnings,
            *_about_its_end(val, planned, last),
            *([f"validations that are not finite: {len(told) - len(finite)}"] if len(finite) < len(told) else []),
            *_about_its_clock(val, reset),
            *([f"also logs {', '.join(others)}, which it may be judged by"] if others else []),
        ),
    )


def _others(lines: Sequence[Line]) -> dict[str, tuple[float | None, ...]]:
    if not any(line.others for line in lines):
        return {}
    rows = [{name.decode(): float(value) for name, value in OTHER_LOSS.findall(line.others)} for line in lines]
    rows = [{name: value for name, value in row.items() if math.isfinite(value)} for row in rows]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: tuple(row.get(name) for row in rows) for name in names}


def _about_its_end(val: Sequence[Val], planned: int | None, last: int) -> list[str]:
    end = "" if planned is None else f" of {planned}"
    if planned is None:
        return ["the log does not say how many steps were planned, so whether it is complete is not known"]
    if not val:
        return [f"ends at train line {last}{end}; it has no validation"]
    if last > val[-1].step:
        return [f"ends at train line {last}{end}; last validation {val[-1].step}"]
    return [] if last == planned else [f"ends at its validation {last}{end}"]


def _about_its_clock(val: Sequence[Val], reset: int | None) -> list[str]:
    if reset is not None:
        return [f"its clock starts anew after step {reset}: the steps up to there are not timed"]
    for earlier, later in zip(val, val[1:], strict=False):
        if earlier.ms is not None and later.ms is not None and later.ms < earlier.ms:
            return [f"its clock goes back from {earlier.ms} to {later.ms} ms at step {later.step}"]
    if val and val[-1].ms is None:
        return ["the log has no times"]
    return []
