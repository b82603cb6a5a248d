"""Where the time of a training step goes: forward and backward pass, each optimizer; tokens a second and MFU.

    python benchmarks/step_parts.py                                     every milestone at the official width, on a GPU
    python benchmarks/step_parts.py --track shakespeare-char --eager    the small shape, as milestone.toml runs it there
    python benchmarks/step_parts.py 00_baseline --set micro_batch_size=32 --set batch_size=64

Tokens at random, one process, bfloat16, compiled unless --eager. The parts are timed apart, the device waited for at
each border, which costs a little: the whole step is timed without. Median of --steps steps after as many untimed ones.
MFU: model FLOPs a token are 6 N + 12 layers width context (https://arxiv.org/abs/2204.02311, appendix B, attention
counted as if it were not causal), N being the weights that enter matrix products: 12 width^2 a layer and the head, not
the tables that are looked up. Over --peak, or the fastest of 20 square bfloat16 products measured here. Newton-Schulz
does no work of the model and is not counted. Not a test.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory import HOUSE, load

OFFICIAL_ROWS = 64  # a step of the official width, of 512 rows on 8 GPUs


def flags(milestone: str, track: str | None, settings: list[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {"batch_size": OFFICIAL_ROWS, "micro_batch_size": OFFICIAL_ROWS}
    if track:
        manifest = tomllib.loads((HOUSE / "history" / milestone / "milestone.toml").read_text())
        chosen = manifest["tracks"][track]
        chosen["vocab_size"] = chosen["vocab_size"] or 65
    return chosen | {name: json.loads(value) for name, _, value in (one.partition("=") for one in settings)}


def model_flops(h: Any) -> float:
    """Of one token, forward and backward."""
    weights = 12 * h.num_layers * h.model_dim**2 + h.model_dim * h.vocab_size
    return 6 * weights + 12 * h.num_layers * h.model_dim * h.sequence_length


def peak_flops(device: str, wait: Callable[[], None]) -> float:
    """Operations a second of bfloat16 products, the fastest of 20."""
    import torch

    size = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    fastest = min(timed(lambda: a @ b, wait) for _ in range(20))
    return 2 * size**3 / fastest


def timed(work: Callable[[], object], wait: Callable[[], None]) -> float:
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def measure(milestone: str, chosen: dict[str, Any], steps: int, peak: float | None) -> dict[str, Any]:
    module = load(milestone)
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    h = module.Hyperparameters(**chosen | {"device": device, "precision": "bfloat16"})
    torch.manual_seed(h.seed)
    model = module.GPT(h).to(device)
    optimizers = module.make_optimizers(model, h)
    runner = torch.compile(model, dynamic=False) if h.compile else model
    tokens = torch.randint(h.vocab_size, (h.micro_batch_size, h.sequence_length + 1))
    batches = itertools.repeat((tokens[:, :-1], tokens[:, 1:]))

    def step() -> None:
        module.training_step(runner, optimizers, batches, h)

    first = timed(step, wait)
    whole = [timed(step, wait) for _ in range(2 * steps)][steps:]
    spent: dict[str, list[float]] = {}
    for optimizer in optimizers:
        own, plain = spent.setdefault(type(optimizer).__name__, []), optimizer.step
        optimizer.step = lambda plain=plain, own=own: own.append(timed(plain, wait))
    apart = [timed(step, wait) for _ in range(steps)]
    ms = 1000 * statistics.median(whole)
    per_second = h.batch_size * h.sequence_length / (ms / 1000)
    peak = peak or peak_flops(device, wait)
    return {
        "milestone": milestone, "n": steps, "first_step_s": first, "step_ms": ms,
        "step_ms_std": 1000 * statistics.stdev(whole), "tokens_per_second": per_second,
        "mfu": per_second * model_flops(h) / peak, "peak_tflops": peak / 1e12,
        "apart_ms": 1000 * statistics.median(apart),
        "optimizers_ms": {name: 1000 * statistics.median(times) for name, times in spent.items()},
        "memory_gb": torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None,
        "machine": torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads",
    }  # fmt: skip


def row(found: dict[str, Any]) -> str:
    optimizers = ", ".join(
        f"{name} {ms:.2f} ms ({ms / found['apart_ms']:.1%})" for name, ms in found["optimizers_ms"].items()
    )
    step = f"{found['step_ms']:.2f} ± {found['step_ms_std']:.2f} ms"
    memory = "-" if found["memory_gb"] is None else f"{found['memory_gb']:.1f} GB"
    return (
        f"| {found['milestone']} | {step} | {found['tokens_per_second']:,.0f} | {found['mfu']:.1%} | {optimizers} "
        f"| {memory} | {found['first_step_s']:.1f} s |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("milestones", nargs="*", help="all of history/ if none is given")
    parser.add_argument("--track", help="shapes and flags of milestone.toml; else the official width, 64 rows")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="FIELD=VALUE")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--peak", type=float, help="TFLOP/s of dense bfloat16 products, as the vendor states it")
    parser.add_argument("--here", action="store_true", help="measure in this process: one milestone, prints JSON")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    milestones = arguments.milestones or sorted(path.parent.name for path in HOUSE.glob("history/*/train_gpt2.py"))
    if arguments.here:
        chosen = flags(milestones[0], arguments.track, arguments.settings) | {"compile": not arguments.eager}
        print(json.dumps(measure(milestones[0], chosen, arguments.steps, (arguments.peak or 0) * 1e12 or None)))
        return
    own = [one for one in sys.argv[1:] if one not in arguments.milestones and one != "--json"]
    rows = []
    for milestone in milestones:
        command = [sys.executable, str(Path(__file__)), milestone, "--here", *own]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows.append(json.loads(answer.splitlines()[-1]))
    if arguments.json:
        print(json.dumps(rows))
        return
    peaks = ", ".join(f"{one['peak_tflops']:.3g}" for one in rows)
    print(f"{rows[0]['machine']}; peaks {peaks} TFLOP/s; n = {rows[0]['n']} steps\n")
    print("| milestone | step | tokens/s | MFU | optimizers, and their share of the step | peak memory | first step |")
    print("| --- | --: | --: | --: | --- | --: | --: |")
    print("\n".join(row(one) for one in rows))


if __name__ == "__main__":
    main()
