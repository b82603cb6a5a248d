"""What a run log says, as frozen dataclasses; logs.py reads them, cohorts.py judges them.

Text in them is one printable line each (no terminal escapes), yet untrusted: escape it in HTML, Markdown and rich.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

FINISHED = ("completed", "diverged", "interrupted")


class Step(NamedTuple):
    """One step line: `loss` in nats a token, perhaps not finite, at `ms` milliseconds of training."""

    step: int
    planned: int
    kind: str  # "train" or "val"
    loss: float
    ms: int


class Point(NamedTuple):
    """One loss of a curve: after `step` steps and `ms` milliseconds on the training clock, in nats a token."""

    step: int
    loss: float
    ms: int


@dataclass(frozen=True)
class Curve(Sequence[Point]):
    """Points by step in 24 bytes each: a thousand logs of a thousand steps would be 200 MB of tuples."""

    steps: array
    losses: array
    ms: array

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        return Point(self.steps[index], self.losses[index], self.ms[index])


@dataclass(frozen=True)
class Shard:
    name: str
    tokens: int
    sha256: str


@dataclass(frozen=True)
class Host:
    """The machine and its software as the run found them; None is not known."""

    cpu: str | None
    cores: int | None
    gpu: str | None
    gpu_count: int
    threads: int | None
    memory_gib: float | None
    driver: str | None
    python: str | None
    torch: str | None
    cuda: str | None
    os: str | None


@dataclass(frozen=True)
class Header:
    run_id: str
    milestone: str
    track: str  # "" for a run outside any track
    seed: int
    world_size: int
    hyperparameters: dict[str, Any]
    code_sha256: str
    train_data: tuple[Shard, ...]
    val_data: tuple[Shard, ...]
    commit: str | None
    dirty: bool | None
    host: Host
    started: str
    tokens_per_step: int
    parameters: int


@dataclass(frozen=True)
class Run:
    """One training as its log tells it. `finished` is None when the last line is missing: the log was cut off."""

    path: Path
    header: Header
    program_sha256: str | None  # of the program inside the log; None when the log ends before the program does
    planned_steps: int | None
    val: tuple[Point, ...]  # finite losses only, by step
    train: Sequence[Point]
    finished: str | None
    final_val_loss: float | None
    train_time_ms: int
    tokens: int
    peak_memory_mib: int | None

    @property
    def last_step(self) -> int:
        return max((points[-1].step for points in (self.val, self.train) if points), default=0)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Why the log contradicts itself: such a run is shown and never averaged."""
        found = []
        if self.program_sha256 not in (None, self.header.code_sha256):
            found.append("its header names another program than the one it holds")
        if self.finished == "completed":
            if not self.val or self.planned_steps != self.val[-1].step:
                found.append(f"says completed, but has no validation at the last planned step, {self.planned_steps}")
            elif self.final_val_loss is None or abs(self.final_val_loss - self.val[-1].loss) > 1e-5:  # 6 decimals
                found.append(
                    f"its last line and its last validation differ: {self.final_val_loss}, {self.val[-1].loss}"
                )
        return tuple(found)

    @property
    def complete(self) -> bool:
        """It ran to the last planned step, says so, and its own figures agree."""
        return self.finished == "completed" and not self.doubts

    @property
    def state(self) -> str:
        """completed, diverged, interrupted, cut off, or contradictory."""
        if self.finished == "completed" and self.doubts:
            return "contradictory"
        return self.finished or "cut off"
