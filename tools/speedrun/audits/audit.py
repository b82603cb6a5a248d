"""The verdict on every row of an archive's record tables: whether its committed logs support what it claims.

    rows = audit(archive, claims, load_exemptions(None))
    print(rows[0].verdict, rows[0].reasons[0])

The rules, the same for every row. Loss and time are judged apart, both on the runs of one cohort (record_cohorts.py):

- no evidence: no log is linked, the link leads nowhere, or no run there can be judged (all are cut off, say).
- The loss, tracks 1 and 2: shown where the one-sided t-test that the mean is below the target has p < 0.01; refuted
  where p > 0.99, or where there is no p (one run, or runs that all agree) and the mean is above the target; else open.
- The loss, track 3: shown where (3.28 - mean) * sqrt(n) >= 0.004, that track's own rule; p is reported beside it;
  refuted as above.
- A row that a rule exempts (exemptions.toml) needs no statistics of its loss: shown, unless p > 0.99.
- The time, tracks 1 and 2: shown where the cohort's mean is at most 1% above the claim, refuted where it is slower.
  More than 1% faster is shown and said. Open where the logs hold no clock, or are not of the claimed hardware.
- contradicted: one of the two is refuted. supported: both are shown. unsupported: all else.

So "contradicted" is said of the logs in the archive. A claim may have been timed on another machine than they were:
where those runs are not committed, nobody can tell.
"""

import math
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from speedrun.audits.claims import Claim, Evidence, LinkedLog, Row, Verdict
from speedrun.audits.evidence import SAME_MEAN, Found, gather
from speedrun.audits.record_cohorts import on_claimed_hardware
from speedrun.errors import UserError
from speedrun.inference import TRACK_3_MARGIN, track_3_rule
from speedrun.reading.logs import printable

if TYPE_CHECKING:
    from speedrun.reading.archive import Archive

TARGETS = {1: 3.28, 2: 2.92, 3: 3.28}  # nats a token
ALPHA = 0.01  # the archive's rule for tracks 1 and 2
TIME_TOLERANCE = 0.01  # of the claim; the same program differs by 0.2% on one machine, by 0.1% to 8% between machines
SHOWN, OPEN, REFUTED = Verdict.SUPPORTED, Verdict.UNSUPPORTED, Verdict.CONTRADICTED
GRAVITY = (REFUTED, OPEN, SHOWN)


class Exemption(NamedTuple):
    """A record that needs no statistics of its loss, by which rule, and the words of its row that show it."""

    track: int
    record: int
    reason: str
    source: str


class Finding(NamedTuple):
    """What the runs say to one part of a claim."""

    standing: Verdict
    reason: str


def audit(archive: "Archive", claims: Iterable[Claim], exemptions: Sequence[Exemption]) -> tuple[Row, ...]:
    """A row for each claim of a track whose target is known."""
    return tuple(
        judge(claim, gather(claim, archive, TARGETS[claim.track]), exemption_of(claim, exemptions))
        for claim in claims
        if claim.track in TARGETS
    )


def exemption_of(claim: Claim, exemptions: Sequence[Exemption]) -> str | None:
    """A record number alone does not exempt: an archive may count differently, and has one number for several rows."""
    for one in exemptions:
        if (one.track, one.record) == (claim.track, claim.record) and one.source in claim.description:
            return f'{one.reason} ("{one.source}")'
    return None


def load_exemptions(path: Path | None) -> tuple[Exemption, ...]:
    """Those of the file; of None: those that come with this program."""
    place = path or Path(__file__).with_name("exemptions.toml")
    try:
        table = tomllib.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{printable(place)}: {error.strerror or error}") from error
    except ValueError as error:  # TOML or UTF-8
        raise UserError(f"{printable(place)}: {printable(error)}") from error
    rows = table.get("exempt", [])
    if not isinstance(rows, list):
        raise UserError(f"{printable(place)}: exempt is no list: write [[exempt]] before each")
    return tuple(_exemption(place, row) for row in rows)


def _exemption(place: Path, row: Any) -> Exemption:
    kinds = {"track": int, "record": int, "reason": str, "source": str}
    if not isinstance(row, dict) or any(type(row.get(name)) is not kind for name, kind in kinds.items()):
        raise UserError(f"{printable(place)}: each [[exempt]] has track and record (numbers), reason and source (text)")
    return Exemption(row["track"], row["record"], printable(row["reason"]), printable(row["source"]))


def judge(claim: Claim, found: Found, exempt: str | None) -> Row:
    target, evidence = TARGETS[claim.track], found.evidence
    if evidence is None:
        return Row(claim, target, found.link, found.log, None, exempt, Verdict.NO_EVIDENCE, found.notes[::-1])
    findings = [judge_loss(claim, evidence, target, exempt)]
    if claim.minutes is not None:
        findings.append(judge_time(claim.minutes, claim, evidence, found.log))
    findings.sort(key=lambda finding: GRAVITY.index(finding.standing))
    reasons = (*(finding.reason for finding in findings), *_remarks(claim, evidence), *found.notes)
    return Row(claim, target, found.link, found.log, evidence, exempt, findings[0].standing, reasons)


def judge_loss(claim: Claim, evidence: Evidence, target: float, exempt: str | None) -> Finding:
    above = evidence.mean is not None and evidence.mean > target
    if evidence.p is not None and evidence.p > 1 - ALPHA:
        return Finding(REFUTED, f"mean loss above {target}: {_statistics(evidence)}")
    if exempt:
        return Finding(SHOWN, f"loss exempt: {exempt}")
    if evidence.p is None and above:
        return Finding(REFUTED, f"{_only(evidence)} at {evidence.mean:.4f}, above {target}")
    if claim.track == 3 and evidence.mean is not None:
        sign = ">=" if track_3_rule(evidence.mean, evidence.n, target) else "<"
        rule = f"({target} - mean) * sqrt(n) = {track_3_value(evidence, target):.4f} {sign} {TRACK_3_MARGIN}"
        return Finding(SHOWN if sign == ">=" else OPEN, f"{rule}: {_statistics(evidence)}")
    if evidence.p is None:
        return Finding(OPEN, f"{_only(evidence)} at {evidence.mean:.4f}: no p without others")
    if evidence.p < ALPHA:
        return Finding(SHOWN, f"mean loss below {target}: {_statistics(evidence)}")
    return Finding(OPEN, f"mean loss not shown below {target}: {_statistics(evidence)}")


def judge_time(minutes: float, claim: Claim, evidence: Evidence, log: LinkedLog | None) -> Finding:
    if evidence.mean_minutes is None:
        return Finding(OPEN, "the logs hold no clock: the time cannot be checked")
    if log is None or not on_claimed_hardware(claim, log.gpu, log.gpu_count):
        ran_on = hardware(log.gpu, log.gpu_count) if log else "an unknown GPU"
        claimed = f"{claim.gpu_count}x{claim.hardware}"
        return Finding(OPEN, f"timed on {ran_on}, claimed on {claimed}: {evidence.mean_minutes:.3f} min is no support")
    off = evidence.mean_minutes / minutes - 1
    times = f"{evidence.mean_minutes:.3f} min against the {minutes:g} min claimed"
    if off > TIME_TOLERANCE:
        return Finding(REFUTED, f"slower by {off:.1%}: {times}")
    if off < -TIME_TOLERANCE:
        return Finding(SHOWN, f"faster by {-off:.1%}: {times}")
    return Finding(SHOWN, f"the time is within {TIME_TOLERANCE:.0%}: {times}")


def time_off(row: Row) -> float | None:
    """The cohort's mean time over the claimed, less 1; None where they cannot be compared."""
    claim, evidence, log = row.claim, row.evidence, row.log
    if claim.minutes is None or evidence is None or evidence.mean_minutes is None or log is None:
        return None
    return evidence.mean_minutes / claim.minutes - 1 if on_claimed_hardware(claim, log.gpu, log.gpu_count) else None


def track_3_value(evidence: Evidence, target: float) -> float:
    return -math.inf if evidence.mean is None else (target - evidence.mean) * math.sqrt(evidence.n)


def hardware(gpu: str | None, count: int | None) -> str:
    return f"{count or '?'} x {gpu}" if gpu else "a GPU that is not named"


def _remarks(claim: Claim, evidence: Evidence) -> list[str]:
    """Where the table states its evidence and the runs differ from that; where steps that were planned are unknown."""
    found = []
    if claim.n is not None and claim.n != evidence.n:
        found.append(f"the table says n = {claim.n}; the archive holds {evidence.n}")
    if claim.mean is not None and evidence.mean is not None and abs(claim.mean - evidence.mean) > SAME_MEAN:
        found.append(f"the table says mean {claim.mean}; that of the runs is {evidence.mean:.5f}")
    if any(run.run.planned_steps is None for run in evidence.runs):
        found.append("the log does not say how many steps were planned: whether it is whole is not known")
    return found


def _statistics(evidence: Evidence) -> str:
    p = "no p" if evidence.p is None else f"p = {evidence.p:.2g}"
    return f"{p}, mean {evidence.mean:.5f}, n = {evidence.n}"


def _only(evidence: Evidence) -> str:
    return "the only run ends" if evidence.n == 1 else f"all {evidence.n} runs end"
