"""How fast a whole archive is read: python benchmarks/archive_speed.py [--sample ../shared/archive_sample] [--runs 5]

Lays out an archive like the public one (1,568 files, about 240 MB) in a temporary folder, out of a sample's logs with
their programs padded to a real length, and times `speedrun parse FOLDER --json` as a whole process: without cache,
when the cache is first written, and with it; files are in memory, as after a first reading. Then 1,568 and 15,680
files of a tenth of that size and less, to show that time grows linearly. Not a test: nothing is asserted.
"""

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[2] / "shared" / "archive_sample"
FILES = 1568
WORDS = [
    "self",
    "weight",
    "grad",
    "step",
    "loss",
    "torch",
    "optim",
    "hidden",
    "attn",
    "block",
    "return",
    "for",
    "in",
    "x",
]


def padding(size: int, seed: int) -> bytes:
    """Lines that look like a program's, about `size` bytes."""
    words = random.Random(seed)
    lines, length = [], 0
    while length < size:
        line = "    " * words.randint(0, 3) + " ".join(words.choices(WORDS, k=words.randint(3, 14))) + "\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()


def padded(content: bytes, program: bytes) -> bytes:
    """The log with `program` in the place that holds its stand-in; a log without a program as it is."""
    before, line, after = content.partition(b"# stand-in for the ")
    return before + program + line + after if line else content


def lay_out(folder: Path, sample: list[bytes], files: int, program_bytes: int) -> int:
    """Write an archive's files, 40 to a folder; its size."""
    programs = [padding(program_bytes, seed) for seed in range(152)]  # so many different ones does the archive hold
    size = 0
    for number in range(files):
        path = folder / "records" / f"record_{number // 40:04}" / f"{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = padded(sample[number % len(sample)], programs[number % len(programs)])
        path.write_bytes(content + b"\n# %d" % number)
        size += len(content)
    return size


def timed(folder: Path, cache: Path, *options: str) -> float:
    command = [sys.executable, "-m", "speedrun.cli", "parse", str(folder), "--json", *options]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"XDG_CACHE_HOME": str(cache)})
    return time.perf_counter() - start


def measure(title: str, sample: list[bytes], files: int, program_bytes: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "archive"), Path(name, "cache")
        size = lay_out(folder, sample, files, program_bytes)
        time.sleep(0.2)  # what has just been written is not kept
        without = [timed(folder, cache, "--no-cache") for _ in range(runs)]
        first = timed(folder, cache)
        again = [timed(folder, cache) for _ in range(runs)]
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # kB on Linux
        print(
            f"{title}: {files:,} files, {size / 1e6:.0f} MB\n"
            f"  without cache {spread(without)}, writing it {first:.2f} s, with it {spread(again)}; n = {runs}\n"
            f"  {size / 1e6 / statistics.median(without):.0f} MB/s; largest process so far {peak:.0f} MiB",
            flush=True,
        )


def spread(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s (fastest {min(times):.2f}, slowest {max(times):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=Path, default=SAMPLE)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    paths = sorted(path for path in (arguments.sample / "records").rglob("*") if path.suffix in {".txt", ".log"})
    sample = [path.read_bytes() for path in paths]
    if not sample:
        sys.exit(f"no logs below {arguments.sample}: name a sample of an archive with --sample")
    small = [content for content in sample if len(content) < 12_000]
    measure("an archive", sample, FILES, 80_000, arguments.runs)
    measure("small files", small, FILES, 8_000, arguments.runs)
    measure("ten times as many", small, 10 * FILES, 8_000, arguments.runs)


if __name__ == "__main__":
    main()
