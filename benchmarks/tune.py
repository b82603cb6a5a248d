"""Tries for the flags of a track: whole runs on one thread each, as many at once as there are cores. Losses, no times.

    python benchmarks/tune.py 01_muon --track shakespeare-char --try muon_momentum=0.8 --try beta2=0.95,num_heads=2
    python benchmarks/tune.py 00_baseline --track toy-cpu --points 8 --range learning_rate=1e-3:1e-2 --range beta2=0.9:1

A try is the track's flags in milestone.toml with some changed. --points takes that many of a scrambled Sobol sequence
in the box of the ranges (on a log scale), the same every time. Several --seed run every try with each of them. Each run
adds one line to records/TRACK/tuning.jsonl: all its flags, its seed and its final loss, whatever it was. Not a test.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedrun import house
from speedrun.errors import UserError
from speedrun.machine import cores
from speedrun.milestones import Milestone, load_milestone
from speedrun.reading.logs import LogError, read_log
from speedrun.replay.replaying import check_data, data_flags
from speedrun.tracks import load_track


@dataclass(frozen=True)
class Try:
    milestone: Milestone
    data: dict[str, Any]
    flags: dict[str, Any]
    changed: dict[str, Any]  # those of the flags that differ from milestone.toml
    seed: int


def value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def changes(text: str) -> dict[str, Any]:
    pairs = [one.partition("=") for one in text.split(",") if one]
    return {name: value(given) for name, _, given in pairs}


def points(ranges: list[str], number: int) -> list[dict[str, Any]]:
    """Points of a box NAME=LOW:HIGH, rounded to two digits; a range of whole numbers gives whole numbers."""
    from scipy.stats import qmc

    names, bounds = [], []
    for one in ranges:
        name, _, ends = one.partition("=")
        names.append(name)
        bounds.append([value(end) for end in ends.split(":")])
    sample = qmc.Sobol(len(names), seed=0).random_base2(math.ceil(math.log2(number)))[:number]
    return [
        {name: place(low, high, share) for name, (low, high), share in zip(names, bounds, row, strict=True)}
        for row in sample
    ]


def place(low: float, high: float, share: float) -> float | int:
    found = low * math.exp(share * math.log(high / low))
    return round(found) if isinstance(low, int) and isinstance(high, int) else float(f"{found:.2g}")


def run(one: Try, folder: Path, number: int) -> dict[str, Any]:
    """One line of tuning.jsonl; a run that fails has the end of what it said as its error."""
    log = folder / f"{number}.txt"
    given = one.data | one.flags | {"val_every": 10**9, "seed": one.seed, "log_file": log}  # the last step is validated
    command = [sys.executable, str(one.milestone.script), *(f"--{name}={given[name]}" for name in given)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=house.root(), env=environment, capture_output=True, text=True, check=False)
    said = {"milestone": one.milestone.name, "revision": one.milestone.revision, "seed": one.seed}
    said |= {"changed": one.changed, "flags": one.flags, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    try:
        found = read_log(log)
        return said | {"final_val_loss": found.final_val_loss, "finished": found.finished}
    except (LogError, OSError):
        return said | {"final_val_loss": None, "error": (ended.stderr.strip().splitlines() or ["no log"])[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("milestone")
    parser.add_argument("--track", required=True)
    parser.add_argument("--try", action="append", default=[], dest="tries", metavar="FLAG=VALUE,...")
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--range", action="append", default=[], dest="ranges", metavar="FLAG=LOW:HIGH")
    parser.add_argument("--with", default="", dest="base", metavar="FLAG=VALUE,...", help="changed in every try")
    parser.add_argument("--seed", type=int, action="append", default=[])
    arguments = parser.parse_args()
    try:
        track, milestone = load_track(arguments.track), load_milestone(arguments.milestone)
        flags, data = milestone.flags_for(track), data_flags(track)
        check_data(track, data)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    settings = [changes(one) for one in arguments.tries] or ([{}] if not arguments.points else [])
    if arguments.points:
        settings += points(arguments.ranges, arguments.points)
    settings = [changes(arguments.base) | one for one in settings]
    tries = [
        Try(milestone, data, flags | changed, changed, seed) for changed in settings for seed in arguments.seed or [1]
    ]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores()) as pool:
        done = pool.map(lambda job: run(job[1], Path(folder), job[0]), enumerate(tries))
        for line in done:
            with (track.folder / "tuning.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(line["final_val_loss"] or line.get("error"), line["seed"], line["changed"], flush=True)


if __name__ == "__main__":
    main()
