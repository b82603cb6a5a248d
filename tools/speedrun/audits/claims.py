"""What an archive's record tables claim, and what its logs say to that: the words that tables, audit and page share.

record_tables.py reads claims, evidence.py finds their logs and cohorts, audit.py judges, archive_page.py draws. Text in
here is one printable line each, yet untrusted: escape it in HTML, Markdown and rich.
"""

from dataclasses import dataclass
from enum import StrEnum

from speedrun.reading.logfile import LoggedRun


@dataclass(frozen=True)
class Claim:
    """One row of a record table. Tracks 1 and 2 claim minutes, track 3 claims steps."""

    track: int
    record: int
    minutes: float | None
    steps: int | None
    date: str | None  # ISO 8601: "2024-10-04"
    description: str
    contributors: str
    hardware: str | None  # None where the table does not name any
    gpu_count: int | None
    log: str | None  # the link as it is written, relative to the folder of its table's README; None: the row has none
    mean: float | None = None  # track 3 states the evidence itself: mean loss
    n: int | None = None  # and how many runs it is of
    readme: str = "README.md"  # the table it stands in, relative to the archive's top
    line: int = 0  # of that file, from 1; 0: not known


class LinkState(StrEnum):
    FOUND = "found"
    DEAD = "dead"  # there is no such file or folder
    ELSEWHERE = "elsewhere"  # no such file there, but one of that name in another folder
    NONE = "none"  # the row links no log


@dataclass(frozen=True)
class Link:
    state: LinkState
    path: str | None  # relative to the archive's top: of the file, or of the folder


@dataclass(frozen=True)
class LinkedLog:
    """The run of the linked log, or of the first log of its cohort where a folder is linked."""

    path: str
    final_val_loss: float | None
    train_time_ms: float | None
    last_step: int | None
    gpu: str | None
    gpu_count: int | None


@dataclass(frozen=True)
class EvidenceRun:
    """One run that counts, with the loss and time at which it is judged."""

    path: str
    index: int
    loss: float
    ms: float | None
    step: int
    run: LoggedRun


@dataclass(frozen=True)
class Evidence:
    """The cohort behind a claim: same program, planned steps, GPU and count, copies of a run counted once."""

    runs: tuple[EvidenceRun, ...]
    left_out: tuple[str, ...]  # what lies beside them and does not count, and why: "2 truncated", in words
    column: str  # the loss that is judged: "val_loss", "val_ema_loss"
    n: int
    mean: float | None
    std: float | None
    p: float | None  # one-sided t-test of mean <= target
    power: float | None  # of that test at n runs, at the mean and spread seen
    runs_needed: int | None  # in all, for 80% power; None: not to be had, or unknown
    mean_minutes: float | None
    std_minutes: float | None


class Verdict(StrEnum):
    SUPPORTED = "supported"
    UNSUPPORTED = "unsupported"  # the logs do not suffice
    CONTRADICTED = "contradicted"  # the logs say otherwise
    NO_EVIDENCE = "no evidence"


@dataclass(frozen=True)
class Row:
    claim: Claim
    target: float  # nats a token
    link: Link
    log: LinkedLog | None
    evidence: Evidence | None
    exempt: str | None  # the rule and its source, where a rule exempts the record from statistics
    verdict: Verdict
    reasons: tuple[str, ...]
