"""What one file of an archive says, whatever dialect it is written in; dialects.py reads it, archive.py whole folders.

A file that is no run log has no runs and says why in `reason`. None is not known, never a guess. Text in here is one
printable line each, yet untrusted: escape it in HTML, Markdown and rich.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Val(NamedTuple):
    """One validation: the loss in nats a token after `step` steps, `ms` on the training clock (None: no clock)."""

    step: int
    loss: float
    ms: float | None


@dataclass(frozen=True)
class LoggedRun:
    """One training out of a file. `val` is by step; `others` are further loss columns, a value for each of `val`."""

    index: int  # within the file, from 0
    planned_steps: int | None
    last_step: int | None  # of any step line, training or validation
    complete: bool  # its last validation is at the last planned step
    val: tuple[Val, ...]
    others: dict[str, tuple[float | None, ...]]  # {"val_ema_loss": (...)}: None where a line lacks the column
    clock_reset_at: int | None  # the step after which the clock started anew at 0 (10 in the early records)
    warnings: tuple[str, ...]

    @property
    def final(self) -> Val | None:
        """The last validation, whether or not the run is complete."""
        return self.val[-1] if self.val else None


@dataclass(frozen=True)
class LogFile:
    path: str  # as it was named; relative to the archive's top where it was read as part of one
    dialect: str  # "llm.c", "source-first", "separator-first", "console", "fragment", "speedrun"; "none": no log
    reason: str | None  # why it is no log; None for a log
    size: int
    content_sha256: str
    runs: tuple[LoggedRun, ...]
    gpu: str | None
    gpu_count: int | None
    python: str | None
    torch: str | None
    cuda: str | None
    driver: str | None
    date: str | None  # of the run, ISO 8601 as precise as the log is: "2026-07-17T13:28:52"
    peak_memory_mib: int | None
    program_sha256: str | None  # of the embedded program as it stands in the log, without its separators
    program_files: tuple[str, ...]  # names of the files that it splits into, the main one first
    more: dict[str, Any] = field(default_factory=dict)  # what only our own format states: run_id, milestone, seed, ...

    @property
    def identities(self) -> tuple[tuple, ...]:
        """One for each run: equal for copies of one run, whatever file holds them.

        The time of its end tells a run from all others. Where there is none (it ended before its first step, or the
        log has no clock), other seeds look the same, so only files of the same content hold copies.
        """
        return tuple(
            (run.planned_steps, run.final) if run.final and run.final.ms else (self.content_sha256, run.index)
            for run in self.runs
        )
