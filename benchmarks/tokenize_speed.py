"""How fast data/fineweb.py tokenizes, against tiktoken alone on the same cores.

    python benchmarks/tokenize_speed.py ../shared/data/*_docs.jsonl.zst

Ours is the whole script in a process of its own: start, parquet in, shards out, every byte synced. The reference
gets its texts for free, in memory, and throws its tokens away; it is the faster of two: `encode_ordinary_batch` with
a thread a core, and a pool of one forked process a core, each calling `encode_ordinary`. The repetitions of all three
are interleaved, so that a change in the machine's speed meets all of them. Tokens per second of CPU time are shown
too: they say the same on an idle machine, and still say something on one that is shared. tiktoken's vocabulary has to
be in its cache (TIKTOKEN_CACHE_DIR) or within reach.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from speedrun.machine import cores

SCRIPT = Path(__file__).resolve().parents[1] / "data" / "fineweb.py"
BATCHES_A_CORE = 64
texts: list[str] = []  # global, so that forked processes have them without being sent


def threads(workers: int) -> int:
    from speedrun.corpus.tokenizers import gpt2

    return sum(map(len, gpt2().encode_ordinary_batch(texts, num_threads=workers)))


def count(bounds: tuple[int, int]) -> int:
    from speedrun.corpus.tokenizers import gpt2

    encode = gpt2().encode_ordinary
    return sum(len(encode(text)) for text in texts[slice(*bounds)])


def processes(workers: int) -> int:
    step = -(-len(texts) // (workers * BATCHES_A_CORE))
    with get_context("fork").Pool(workers) as pool:
        return sum(pool.imap_unordered(count, ((at, at + step) for at in range(0, len(texts), step))))


def script(parquet: Path, workers: int) -> int:
    """The tokens that the script made, less one end-of-text a document."""
    from speedrun.corpus.shards import read_meta

    with tempfile.TemporaryDirectory(dir=parquet.parent) as folder:
        call = [sys.executable, SCRIPT, parquet, "--out", folder, "--workers", str(workers)]
        subprocess.run([*call, "--shard-tokens", "10_000_000"], check=True, capture_output=True)
        return sum(info.tokens for info in read_meta(Path(folder)).shards.values()) - len(texts)


def cpu_seconds() -> float:
    """User and system time of this process and of all that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(function: Callable[[], int]) -> tuple[float, float]:
    """Million tokens a second, and a second of CPU time."""
    start, cpu = time.perf_counter(), cpu_seconds()
    tokens = function()
    return tokens / (time.perf_counter() - start) / 1e6, tokens / (cpu_seconds() - cpu) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--copies", type=int, default=4, help="of the texts, so that the start weighs little")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--workers", type=int, default=cores())
    options = parser.parse_args()
    import pyarrow
    from pyarrow import parquet
    from speedrun.corpus.documents import documents
    from speedrun.corpus.tokenizers import gpt2

    texts.extend([text for path in options.files for text in documents(path)] * options.copies)
    gpt2()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.parquet"
        parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=1000)  # as FineWeb's files are
        contestants = {
            "data/fineweb.py": lambda: script(path, options.workers),
            "tiktoken, threads": lambda: threads(options.workers),
            "tiktoken, processes": lambda: processes(options.workers),
        }
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for _ in range(options.repetitions):
            for name, function in contestants.items():
                rates[name].append(measure(function))
    print(f"{len(texts):,} documents, {sum(map(len, texts)):,} characters, {options.workers} workers")
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}")
    report("M tokens/s", {name: [wall for wall, _ in values] for name, values in rates.items()})
    report("M tokens per CPU second", {name: [cpu for _, cpu in values] for name, values in rates.items()})


def report(unit: str, rates: dict[str, list[float]]) -> None:
    print(unit)
    for name, values in rates.items():
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        print(f"  {name:<20} n={len(values)}  {statistics.mean(values):6.2f} ± {spread:.2f}  best {max(values):.2f}")
    ours, *others = rates.values()
    reference = max(others, key=statistics.mean)
    ratios = [mine / theirs for mine, theirs in zip(ours, reference, strict=True)]
    print(f"  ours / the faster reference: mean {statistics.mean(ratios):.3f}, median {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
