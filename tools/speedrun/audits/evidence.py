"""From a claim to its evidence: the runs that count, their statistics, and in words what was left out and why.

    found = gather(claim, archive, target=3.28)
    print(found.link.state, found.evidence.n, found.evidence.mean, found.evidence.left_out)

Which runs count is decided in record_cohorts.py. Every figure is of the validation that the claim is about: on tracks 1
and 2 the last, with the time at that line, and on track 3 the one at the claimed step. Nothing is interpolated. The
loss is val_loss; on track 3 it is another column where the mean that the table states is that one's and not val_loss's.
Not here: what the evidence is worth (audit.py).
"""

import os
import posixpath
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from speedrun.audits.claims import Claim, Evidence, EvidenceRun, Link, LinkedLog
from speedrun.audits.record_cohorts import Candidate, Cohort, Key, choose, judged, key_of, on_claimed_hardware
from speedrun.audits.record_links import find_link
from speedrun.inference import against_target, more_runs, power
from speedrun.reading.logfile import LogFile, LoggedRun

if TYPE_CHECKING:
    from speedrun.reading.archive import Archive

SAME_MEAN = 0.0002  # nats: a stated mean has four decimals, and was perhaps taken over a run more or less
LOG_NAMES = (".txt", ".log", ".stdout", ".out")
NAMED = 3  # files named one by one in a remark


class Found(NamedTuple):
    link: Link
    log: LinkedLog | None
    evidence: Evidence | None
    notes: tuple[str, ...]  # what must be said of the link, and of the choice of runs


def gather(claim: Claim, archive: "Archive", target: float) -> Found:
    link, remark = find_link(claim, archive)
    notes = (remark,) if remark else ()
    if link.path is None:
        return Found(link, None, None, notes)
    linked = next((file for file in archive.files if file.path == link.path), None)
    if why := _unreadable(archive, link.path, linked):
        return Found(link, None, None, (*notes, f"{link.path} is no run log that can be read: {why}"))
    linked = linked if linked and linked.runs else None
    cohort = choose(claim, archive, link.path, linked)
    notes += _notes(claim, cohort)
    left_out, first = left_out_of(claim, cohort), linked or next((one.file for one in cohort.members), None)
    log = linked_log(first) if first else None
    if not cohort.members:
        beside = f" ({'; '.join(left_out)})" if left_out else ""
        return Found(link, log, None, (*notes, f"no run in {cohort.scope.folder} can be judged{beside}"))
    evidence, column_note = weigh(claim, cohort.members, left_out, target)
    return Found(link, log, evidence, (*notes, column_note) if column_note else notes)


def linked_log(file: LogFile) -> LinkedLog:
    """Its first run. The last validation of a run that went on after it is not the final one: None."""
    run = file.runs[0]
    end = run.final if run.complete or (run.final and run.final.step == run.last_step) else None
    return LinkedLog(file.path, end and end.loss, end and end.ms, run.last_step, file.gpu, file.gpu_count)


def weigh(
    claim: Claim, members: Sequence[Candidate], left_out: tuple[str, ...], target: float
) -> tuple[Evidence, str | None]:
    """The statistics, and why another loss than val_loss is judged, where it is."""
    column, note = _column(claim, members)
    runs = tuple(_run(claim, one, column) for one in members)
    losses, times = [run.loss for run in runs], [run.ms / 60_000 for run in runs if run.ms is not None]
    test, clocked = against_target(losses, target), len(times) == len(runs)
    evidence = Evidence(
        runs=runs,
        left_out=left_out,
        column=column,
        n=test.n,
        mean=test.mean,
        std=test.std,
        p=test.p,
        power=power(test.n, target - test.mean, test.std) if test.std else None,
        runs_needed=more_runs(losses, target),
        mean_minutes=statistics.fmean(times) if clocked else None,
        std_minutes=statistics.stdev(times) if clocked and len(times) > 1 else None,
    )
    return evidence, note


def _unreadable(archive: "Archive", path: str, linked: LogFile | None) -> str | None:
    """Why a linked file that looks like a log is none; None for a log, a folder, or what stands for its folder."""
    if (linked and linked.runs) or not path.lower().endswith(LOG_NAMES) or os.path.isdir(archive.top / path):
        return None
    return (linked.reason or "no step lines") if linked else "its text is not to be had"


def _column(claim: Claim, members: Sequence[Candidate]) -> tuple[str, str | None]:
    columns = set.intersection(*(set(one.run.others) for one in members))
    losses = {name: [_loss(claim, one.run, name) for one in members] for name in ("val_loss", *sorted(columns))}
    means = {name: statistics.fmean(known) for name, values in losses.items() if (known := _all_known(values))}
    own, stated = means["val_loss"], claim.mean
    if stated is None or abs(own - stated) <= SAME_MEAN:
        return "val_loss", None
    for name, mean in means.items():
        if abs(mean - stated) <= SAME_MEAN:
            return name, f"judged by {name}: the stated mean, {stated}, is its ({mean:.5f}), not val_loss's ({own:.5f})"
    return "val_loss", None


def _all_known(values: Sequence[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _loss(claim: Claim, run: LoggedRun, column: str) -> float | None:
    point = judged(claim, run)
    if point is None or column == "val_loss":
        return point.loss if point else None
    return run.others[column][run.val.index(point)]


def _run(claim: Claim, one: Candidate, column: str) -> EvidenceRun:
    point, loss = judged(claim, one.run), _loss(claim, one.run, column)
    assert point is not None and loss is not None  # members have both
    return EvidenceRun(one.file.path, one.run.index, loss, point.ms, point.step, one.run)


def _notes(claim: Claim, cohort: Cohort) -> tuple[str, ...]:
    """On the choice of the cohort, and on runs that some would have counted."""
    key, notes = cohort.key, []
    if cohort.choices > 1:
        notes.append(f"a folder of {cohort.choices} cohorts is linked: the one with most runs counts")
    whole = [one for one in cohort.others if judged(claim, one.run) and one.file.program_sha256]
    further = sum(key_of(claim, one)._replace(program=key.program) == key for one in whole)
    if cohort.members and further:
        alike = "steps and hardware" if claim.steps is None else "planned steps"
        hold = "holds another program" if further == 1 else "hold other programs"
        notes.append(f"{_count(further, 'further run')} with the same {alike} {hold}; counted apart")
    if not on_claimed_hardware(claim, key.gpu, key.gpu_count):
        keys = [(one, key_of(claim, one)) for one in whole]
        there = [one for one, k in keys if k[:2] == key[:2] and on_claimed_hardware(claim, k.gpu, k.gpu_count)]
        times = [val.ms / 60_000 for one in there if (val := judged(claim, one.run)) and val.ms is not None]
        if times:
            notes.append(
                f"{_count(len(times), 'run')} of the same program and steps on {claim.gpu_count}x{claim.hardware}, "
                f"not linked: mean {statistics.fmean(times):.3f} min, in {posixpath.dirname(there[0].file.path)}"
            )
    return tuple(notes)


def left_out_of(claim: Claim, cohort: Cohort) -> tuple[str, ...]:
    """What lies in the scope and does not count, and why, a line each."""
    lines = [f"{_count(cohort.copies, 'copy', 'copies')} of runs already counted"] if cohort.copies else []
    groups: dict[str, list[Candidate]] = {}
    for one in cohort.others:
        groups.setdefault(_why_out(claim, one, cohort.key), []).append(one)
    for why, ones in groups.items():
        programs = len({one.file.program_sha256 for one in ones})
        several = f" ({programs} programs)" if programs > 1 else ""
        lines.append(f"{len(ones)} {why}{several}: {_listed([_end(claim, one) for one in ones])}")
    if cohort.unread:
        named = _listed([f"{file.path} ({file.reason or 'no step lines'})" for file in cohort.unread])
        lines.append(f"{_count(len(cohort.unread), 'file')} without a run: {named}")
    return tuple(lines)


def _why_out(claim: Claim, one: Candidate, key: Key) -> str:
    own, parts = key_of(claim, one), []
    if not judged(claim, one.run):
        parts.append("truncated" if claim.steps is None else f"without a validation at step {claim.steps}")
    if own.program != key.program:
        parts.append("with another program" if one.file.program_sha256 else "without a program")
    if own.planned != key.planned:
        parts.append(f"with {own.planned} planned steps")
    if own[2:] != key[2:]:
        parts.append(f"on {own.gpu_count or '?'} x {own.gpu or 'a GPU that is not named'}")
    return ", ".join(parts) or "in another folder"


def _end(claim: Claim, one: Candidate) -> str:
    if judged(claim, one.run):
        return one.file.path
    return f"{one.file.path} ends at step {one.run.final.step if one.run.final else 0} of {one.run.planned_steps}"


def _listed(names: Sequence[str]) -> str:
    once = list(dict.fromkeys(names))  # a file may hold many runs
    more = f" and {len(once) - NAMED} more" if len(once) > NAMED else ""
    return ", ".join(once[:NAMED]) + more


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
