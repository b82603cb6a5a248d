"""Claims, logs and archives made for tests of the audit: dataclasses, and folders that look like the public archive."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from speedrun.audits.claims import Claim
from speedrun.reading.archive import Archive
from speedrun.reading.logfile import LogFile, LoggedRun, Val

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "archive_sample"
H100, H200 = "NVIDIA H100 80GB HBM3", "NVIDIA H200"
FOLDER = "records/track_1_short/2026-01-30_Name"
SEPARATOR = "=" * 100


def made_archive(top: Path, files: Iterable[LogFile]) -> Archive:
    return Archive(top, tuple(files), ())


def made_claim(**fields: Any) -> Claim:
    """A row of track 1 that claims 2 minutes; `steps` makes it one of track 3."""
    row = Claim(1, 64, 2.0, None, "2026-01-30", "An idea", "@a", "H100", 8, f"{FOLDER}/a.txt")
    if "steps" in fields:
        row = replace(row, track=3, minutes=None, hardware=None, gpu_count=None)
    return replace(row, **fields)


def made_run(
    loss: float = 3.278, ms: float | None = 120_000, planned: int | None = 1555, last: int | None = None, **fields: Any
) -> LoggedRun:
    """A run; `last` ends its validations early. Half-way it has a loss of 4."""
    end = last if last is not None else planned or 1000
    half = Val(end // 2, 4.0, None if ms is None else ms / 2)
    run = LoggedRun(0, planned, planned or end, end == planned, (half, Val(end, loss, ms)), {}, None, ())
    return replace(run, **fields)


def made_file(path: str = f"{FOLDER}/a.txt", runs: Sequence[LoggedRun] | None = None, **fields: Any) -> LogFile:
    own = (made_run(),) if runs is None else tuple(replace(run, index=i) for i, run in enumerate(runs))
    digest = hashlib.sha256(path.encode()).hexdigest()
    file = LogFile(
        path, "source-first", None, 1000, digest, own, H100, 8, None, None, None, None, None, None, "program", ()
    )
    return replace(file, **fields)


def made_logs(losses: Sequence[float], folder: str = FOLDER, **fields: Any) -> list[LogFile]:
    """A log a loss, named a.txt, b.txt, ..., a second apart."""
    names = "abcdefghijklmnopqrstuvwxyz"
    own = {name: fields.pop(name) for name in ("planned", "last", "ms") if name in fields}
    ms = own.pop("ms", 120_000)
    return [
        made_file(f"{folder}/{names[i]}.txt", [made_run(loss, ms + 1000 * i if ms else ms, **own)], **fields)
        for i, loss in enumerate(losses)
    ]


def log_text(
    loss: float, ms: int, planned: int = 1555, last: int | None = None, program: str = "a", gpus: int = 8
) -> str:
    """A log as the public archive has them: the program, the machine, the steps."""
    last = planned if last is None else last
    rows = [f"|   {i}  NVIDIA H100 80GB HBM3          On  |   00000000:18:00.0 Off |          0 |" for i in range(gpus)]
    lines = [f"# program {program}", 'print(f"step:{step}/{n} val_loss:{val_loss:.4f}")', SEPARATOR]
    lines += ["Running Python 3.12.7 (main)", "Running PyTorch 2.10.0 compiled for CUDA 12.6"]
    lines += ["Fri Jan 30 13:28:52 2026", "+---+", "| NVIDIA-SMI 570.1   Driver Version: 570.1   CUDA Version: 12.8 |"]
    lines += [*rows, "+---+", SEPARATOR, f"step:0/{planned} val_loss:10.8258 train_time:0ms step_avg:0.02ms"]
    for step, value, clock in ((planned // 2, 4.0, ms // 2), (last, loss, ms)):
        lines.append(f"step:{step}/{planned} train_time:{clock - 1}ms step_avg:1.00ms")
        lines.append(f"step:{step}/{planned} val_loss:{value:.4f} train_time:{clock}ms step_avg:1.00ms")
    return "\n".join(lines) + "\n"


HEADINGS = "| # | Record time | Description | Date | Log | Contributors |\n| - | - | - | - | - | - |\n"


def write_archive(top: Path, table: str, logs: dict[str, str]) -> Path:
    """`table`: rows of track 1; `logs`: text by path."""
    top.mkdir(parents=True, exist_ok=True)
    top.joinpath("README.md").write_text(
        f"# Speedrun\n\n## World record history\n\n{HEADINGS}{table}", encoding="utf-8"
    )
    for path, text in logs.items():
        top.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        top.joinpath(path).write_text(text, encoding="utf-8")
    return top
