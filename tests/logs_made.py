"""Run logs, tracks and milestones made for tests: a house in a temporary folder that looks like a clone."""

import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

PROGRAM = 'print(f"step:{step}/{planned} val_loss:{loss:.6f} train_time:{ms}ms step_avg:nanms")\n'
SEPARATOR = "=" * 100
HOST = {"cpu": "AMD EPYC", "cores": 2, "threads": 1, "gpu": None, "gpu_count": 0, "driver": None, "cuda": None}
VAL_SHA256 = "5" * 64
FLOOR = 1.5


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def curve(step: int, planned: int, final: float) -> float:
    """From 7 nats down to exactly `final` at the last step."""
    return final + (7 - final) * (math.exp(-6 * step / planned) - math.exp(-6)) / (1 - math.exp(-6))


def make_log(
    seed: int = 1,
    *,
    milestone: str = "00_baseline",
    track: str = "toy",
    program: str = PROGRAM,
    planned: int = 100,
    every: int = 10,
    final: float = 1.8,
    ms_per_step: int = 100,
    finished: str | None = "completed",
    stop_at: int | None = None,
    hyperparameters: dict[str, Any] | None = None,
    val_sha256: str = VAL_SHA256,
    val_name: str = "toy_val_000000.bin",
    world_size: int = 2,
    host: dict[str, Any] | None = None,
    run_id: str | None = None,
    tokens_per_step: int = 8192,
) -> str:
    """A run's log; `stop_at` ends its steps early, finished=None leaves out the last line."""
    header = {
        "speedrun_log": 1,
        "run_id": run_id or f"{milestone}_{track}_seed_{seed}",
        "milestone": milestone,
        "track": track,
        "seed": seed,
        "world_size": world_size,
        "hyperparameters": {"num_iterations": planned, "val_tokens": 0, "seed": seed} | (hyperparameters or {}),
        "code_sha256": sha256(program),
        "data": {
            "train": [{"name": "toy_train_000001.bin", "tokens": 4_000_001, "sha256": "4" * 64}],
            "val": [{"name": val_name, "tokens": 131_073, "sha256": val_sha256}],
        },
        "git": {"commit": "a" * 40, "dirty": False},
        "host": HOST | {"python": "3.11.7", "torch": "2.13.0", "os": "Linux"} | (host or {}),
        "started": f"2026-11-21T01:{seed % 60:02}:03Z",
        "tokens_per_step": tokens_per_step,
        "parameters": 1_000_000,
    }
    noise = random.Random(f"{milestone}{seed}")
    lines, ms, loss, last = [json.dumps(header), SEPARATOR, program, SEPARATOR], 0, None, stop_at or planned
    for step in range(last + 1):
        average = f"{ms / step:.2f}" if step else "nan"
        clock = f"train_time:{ms}ms step_avg:{average}ms"
        if step:
            lines.append(f"step:{step}/{planned} train_loss:{curve(step, planned, final) + 0.1:.6f} {clock}")
        if step % every == 0 or step == planned:
            loss = round(curve(step, planned, final), 6)
            lines.append(f"step:{step}/{planned} val_loss:{loss:.6f} {clock}")
        ms += ms_per_step + noise.randint(0, ms_per_step // 20)
    if finished:
        end = {"finished": finished, "final_val_loss": loss, "train_time_ms": ms, "tokens": tokens_per_step * last}
        lines.append(json.dumps(end | {"steps": last, "peak_memory_mib": 900}))
    return "\n".join(lines) + "\n"


def write_log(folder: Path, name: str | None = None, **fields: Any) -> Path:
    path = folder / (name or f"seed_{fields.get('seed', 1)}.txt")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_log(**fields), encoding="utf-8")
    return path


def write_track(house: Path, name: str = "toy", **changes: Any) -> None:
    """A track.toml; `changes`: title, targets, final, floor, pins."""
    folder = house / "records" / name
    folder.mkdir(parents=True, exist_ok=True)
    floor = changes.get("floor", FLOOR)
    folder.joinpath("track.toml").write_text(
        f"""name = "{name}"
title = {json.dumps(changes.get("title", "A toy track"))}
what = "A small model of a made-up language."
rules = ["No look into the future."]
[data]
folder = "data/toy"
train = "data/toy/toy_train_*.bin"
val = "data/toy/toy_val_*.bin"
val_tokens = 0
make = "python data/toy.py"
val_sha256 = {json.dumps(changes.get("pins", [VAL_SHA256]))}
{"" if floor is None else f"floor = {floor}"}
[target]
val_loss = {json.dumps(changes.get("targets", [2.0, 1.9, 1.6]))}
final = {json.dumps(changes.get("final", False))}
[anchor]
milestone = "00_baseline"
[hardware]
class = "two CPU cores"
""",
        encoding="utf-8",
    )


def write_milestone(
    house: Path, name: str = "00_baseline", program: str = PROGRAM, *, revision: int = 1, idea: str = "A plain GPT-2."
) -> None:
    folder = house / "history" / name
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("train_gpt2.py").write_text(program, encoding="utf-8")
    folder.joinpath("milestone.toml").write_text(
        f'name = "{name}"\ntitle = "The baseline"\nidea = {json.dumps(idea)}\nrevision = {revision}\n'
        f'sha256 = "{sha256(program)}"\ntechniques = []\n[official]\nrecord = 1\nminutes = 45.0\n',
        encoding="utf-8",
    )
