"""How long `speedrun diff_milestones A B` takes, process start included: python benchmarks/diff_speed.py [--times 5]

Cold: with an empty cache of facts, so that torch is loaded once in a child process. Warm: with the facts at hand. For
each the median and the range of wall-clock seconds. Not a test: nothing is asserted.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]


def seconds(arguments: list[str], cache: str) -> float:
    command = [sys.executable, "tools/diff_milestones.py", *arguments]
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    start = time.perf_counter()
    subprocess.run(command, cwd=HOUSE, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def shown(name: str, times: list[float]) -> str:
    return f"{name:<34} {statistics.median(times):.2f} s  ({min(times):.2f} to {max(times):.2f}, n = {len(times)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        outputs = {"terminal": [], "--html": ["--html", f"{folder}/diff.html"], "--json": ["--json"]}
        cold = [seconds(["03", "04"], f"{folder}/{i}") for i in range(times)]
        print(shown("03 04, cold", cold))
        for name, options in outputs.items():
            print(shown(f"03 04, warm, {name}", [seconds(["03", "04", *options], f"{folder}/0") for _ in range(times)]))
        print(shown("00 04, warm, terminal", [seconds(["00", "04"], f"{folder}/0") for _ in range(times + 1)][1:]))
        every = [seconds(["--all", f"{folder}/all"], f"{folder}/all_cache") for _ in range(2)]
        print(shown("--all, cold then warm", every))


if __name__ == "__main__":
    main()
