"""What a running training prints, as progress on standard error: a bar in a terminal, else a line a validation.

The lines come from a program that may be anyone's: they are matched by the one grammar of logs.py, and whatever else
it prints is shown without control characters. Results are not printed here.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from speedrun.reading.logs import LogError, match_step, printable, read_log
from speedrun.reading.runs import Step


class Display(Protocol):
    def start(self, label: str) -> None: ...
    def step(self, step: Step, status: str) -> None: ...
    def end(self) -> None: ...
    def say(self, text: str) -> None: ...


class Said:
    """What the displays have in common: lines of text, as they are."""

    def __init__(self, console: Console):
        self.console = console

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class Bars(Said):
    """One bar for the run that is under way, 80 columns wide at most; what is said stays above it."""

    def __init__(self, console: Console):
        super().__init__(console)
        self.progress: Progress | None = None
        self.task = TaskID(0)

    def start(self, label: str) -> None:
        self.say(label)
        self.progress = Progress(
            BarColumn(bar_width=10),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self.task = self.progress.add_task("starting", total=None)
        self.progress.start()

    def step(self, step: Step, status: str) -> None:
        if self.progress:
            self.progress.update(self.task, completed=step.step, total=step.planned, description=status)

    def end(self) -> None:
        if self.progress:
            self.progress.stop()


class Lines(Said):
    """Plain text, for a file or another program to read."""

    def __init__(self, console: Console):
        super().__init__(console)
        self.label = ""

    def start(self, label: str) -> None:
        self.label = label
        self.say(label)

    def step(self, step: Step, status: str) -> None:
        if step.kind == "val":
            self.say(f"{self.label}: {step.step}/{step.planned} {status}")

    def end(self) -> None:
        pass


def display() -> Display:
    console = Console(stderr=True)
    return Bars(console) if console.is_terminal else Lines(console)


class Follower:
    """Reads the printed lines of one run, and shows them."""

    def __init__(self, log: Path, shown: Display, clock: Callable[[], float] = time.monotonic):
        self.log = log
        self.shown = shown
        self.clock = clock
        self.losses: dict[str, float] = {}  # the last of each kind
        self.tokens_per_step: int | None = None  # None: not known yet; 0: the log does not tell
        self.first: tuple[int, float] | None = None  # step and time of the first step line

    def line(self, text: str) -> None:
        step = match_step(text)
        if step is None:
            if text.strip():
                self.shown.say(f"  {printable(text)}")
            return
        self.losses[step.kind] = step.loss
        self.shown.step(step, self.status(step))

    def status(self, step: Step) -> str:
        """Losses in nats a token, tokens a second on the training clock, time left on the wall's."""
        if self.tokens_per_step is None:
            self.tokens_per_step = tokens_per_step(self.log)
        parts = [f"{kind} {self.losses[kind]:.4f}" for kind in ("val", "train") if kind in self.losses]
        if self.tokens_per_step and step.ms:
            parts.append(f"{1000 * step.step * self.tokens_per_step / step.ms:,.0f} tokens/s")
        first_step, started = self.first = self.first or (step.step, self.clock())
        if step.step > first_step:
            left = (self.clock() - started) / (step.step - first_step) * (step.planned - step.step)
            minutes, seconds = divmod(round(left), 60)
            parts.append(f"{minutes}:{seconds:02} left")
        return " ".join(parts)


def tokens_per_step(log: Path) -> int:
    """As the header of a log that is still being written says; 0 where it cannot be read."""
    try:
        return read_log(log).header.tokens_per_step
    except LogError:
        return 0
