"""Tokens a second of data/toy_language.py on one core: from the start of the process to shards and meta.json on disk.

    python benchmarks/toy_language_speed.py            7 runs of the default corpus, about half a minute
    python benchmarks/toy_language_speed.py --runs 3

Each run is a fresh process pinned to one core, so that imports, the floor and the sync to disk are included. It says
nothing of reading the shards.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "data" / "toy_language.py"
TRAIN, VAL = 4_000_000, 131_072


def one_run() -> float:
    """Tokens a second."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, SCRIPT, f"--train-tokens={TRAIN}", f"--val-tokens={VAL}", f"--out={folder}/toy"]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return (TRAIN + VAL) / (time.perf_counter() - started)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    if hasattr(os, "sched_setaffinity"):  # Linux; elsewhere the process is single-threaded all the same
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    speeds = [one_run() for _ in range(runs)]
    print(f"{statistics.mean(speeds):,.0f} tokens/s, one core, everything included")
    spread = statistics.stdev(speeds) if runs > 1 else float("nan")
    print(f"n = {runs}, standard deviation {spread:,.0f}, slowest {min(speeds):,.0f}, fastest {max(speeds):,.0f}")
    print(f"{processor()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")


if __name__ == "__main__":
    main()
