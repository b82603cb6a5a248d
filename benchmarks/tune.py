"""Tries for the flags of a track: whole runs on one thread each, as many at once as there are cores. Losses, no times.

    python benchmarks/tune.py 01_muon --track shakespeare-char --try muon_momentum=0.8 --try beta2=0.95,num_heads=2
    python benchmarks/tune.py 00_baseline --track toy-cpu --points 8 --range learning_rate=1e-3:1e-2 --range beta2=0.9:1

A try is the track's flags in milestone.toml with some changed. --points takes that many of a scrambled Sobol sequence
in the box of the ranges (on a log scale), the same every time. Several --seed run every try with each of them. Each run
that ends adds one line to runs/tuning_TRACK.jsonl: all its flags, its seed, where it ran and its final loss; what is to
stay goes to records/TRACK/tuning.jsonl. Not a test.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speedrun import house
from speedrun.errors import INTERRUPTED, WRONG_CALL, UserError
from speedrun.machine import cores
from speedrun.reading.logs import LogError, read_log
from speedrun.replay.replaying import Job, prepare


def value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def changes(text: str) -> dict[str, Any]:
    """{} for an empty text: the flags as they are."""
    pairs = [one.partition("=") for one in text.split(",") if one]
    for name, equals, given in pairs:
        if not (name and equals and given):
            raise UserError(f"{text!r}: a try is FLAG=VALUE, more of them after commas")
    return {name: value(given) for name, _, given in pairs}


def bounds(text: str) -> tuple[str, float, float]:
    name, _, ends = text.partition("=")
    low, _, high = (value(end) for end in ends.partition(":"))
    if not (name and isinstance(low, int | float) and isinstance(high, int | float) and 0 < low < high):
        raise UserError(f"--range {text}: a range is FLAG=LOW:HIGH with 0 < LOW < HIGH, as learning_rate=1e-3:1e-2")
    return name, low, high


def points(ranges: list[str], number: int) -> list[dict[str, Any]]:
    """Points of a box, rounded to two digits; whole numbers where both ends are such. UserError: no such range."""
    from scipy.stats import qmc

    box = [bounds(one) for one in ranges]
    if not box:
        raise UserError("--points needs a --range or more, as learning_rate=1e-3:1e-2")
    sample = qmc.Sobol(len(box), seed=0).random_base2(math.ceil(math.log2(number)))[:number]
    return [
        {name: place(low, high, share) for (name, low, high), share in zip(box, row, strict=True)} for row in sample
    ]


def place(low: float, high: float, share: float) -> float | int:
    found = low * math.exp(share * math.log(high / low))
    return round(found) if isinstance(low, int) and isinstance(high, int) else float(f"{found:.2g}")


def run(job: Job, changed: dict[str, Any], seed: int, log: Path) -> dict[str, Any]:
    """One line of tuning.jsonl; a run that fails has the end of what it said as its error."""
    flags = job.flags | changed
    given = flags | {"val_every": 10**9, "seed": seed, "log_file": log}  # the last step is validated
    command = [sys.executable, str(job.milestone.script), *(f"--{name}={given[name]}" for name in given)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=house.root(), env=environment, capture_output=True, text=True, check=False)
    said = {"milestone": job.milestone.name, "revision": job.milestone.revision, "seed": seed}
    said |= {"changed": changed, "flags": flags, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    try:
        found = read_log(log)
        precision = found.header.hyperparameters.get("precision")  # decided, where it was auto
        ran = {"cpu": found.header.host.cpu, "precision": precision}
        return said | ran | {"final_val_loss": found.final_val_loss, "finished": found.finished}
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
        (job,) = prepare([arguments.milestone], arguments.track, runs=1, seed=1, nproc=1, settings={})
        settings = [changes(one) for one in arguments.tries]
        if arguments.ranges and arguments.points < 1:
            raise UserError("--range needs --points N: how many points of the box to run")
        settings += points(arguments.ranges, arguments.points) if arguments.points > 0 else []
        base = changes(arguments.base)
    except UserError as error:
        parser.exit(WRONG_CALL, f"{error}\n")
    tries = [(base | changed, seed) for changed in settings or [{}] for seed in arguments.seed or [1]]
    house.runs().mkdir(exist_ok=True)
    path = house.runs() / f"tuning_{job.track.name}.jsonl"
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(cores()) as pool:
        jobs = [pool.submit(run, job, *one, Path(folder) / f"{number}.txt") for number, one in enumerate(tries)]
        try:
            for line in (one.result() for one in jobs):
                print(line["final_val_loss"] or line.get("error"), line["seed"], line["changed"], flush=True)
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
        except KeyboardInterrupt:  # the runs have had it, too
            pool.shutdown(wait=False, cancel_futures=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            pool.shutdown(wait=False, cancel_futures=True)
            parser.exit(
                WRONG_CALL,
                f"{path}: {error.strerror}. Mend that and call this again; what had ended is printed above\n",
            )


if __name__ == "__main__":
    main()
