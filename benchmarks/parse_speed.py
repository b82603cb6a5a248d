"""How fast run logs are read: python benchmarks/parse_speed.py [--logs 1000] [--steps 1000]

Writes logs as a training of that many steps does (with a program of 20 kB) into a temporary folder, reads them all,
and prints logs/s and MB/s of one process; then ten times fewer, to show that time grows linearly.
Not a test: nothing is asserted.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from logs_made import write_log
from speedrun.reading.logs import read_folder


def measure(folder: Path, logs: int, steps: int) -> str:
    for seed in range(logs):
        write_log(folder, f"{seed:05}.txt", seed=seed, planned=steps, every=50, program="# a line of a program\n" * 900)
    size = sum(path.stat().st_size for path in folder.iterdir())
    start, cpu = time.perf_counter(), time.process_time()
    runs, problems = read_folder(folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert len(runs) == logs and not problems
    speed = f"{logs / seconds:.0f} logs/s, {size / seconds / 1e6:.0f} MB/s"
    return f"{logs} logs, {size / 1e6:.1f} MB: {seconds:.2f} s ({cpu:.2f} s of CPU), {speed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1000)
    arguments = parser.parse_args()
    for logs in (max(1, arguments.logs // 10), arguments.logs):
        with tempfile.TemporaryDirectory() as folder:
            print(measure(Path(folder), logs, arguments.steps))


if __name__ == "__main__":
    main()
