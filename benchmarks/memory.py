"""Memory of every milestone: weights, optimizer state, and the peak of a training step on the CPU.

    OMP_NUM_THREADS=1 python benchmarks/memory.py                       every milestone, about 4 minutes of CPU
    OMP_NUM_THREADS=1 python benchmarks/memory.py 03_distributed_muon   only this one

Two shapes: the official width (the script's defaults, but one row of 1,024 tokens) and the small one (the flags of
shakespeare-char in milestone.toml, vocabulary 65); both in float32, uncompiled, tokens at random, one process. Each
measurement is a process of its own. The peak is the largest resident memory during two training steps (the optimizer's
state is there only from the second on) less what was resident after the imports. It holds weights, gradients, state,
activations, the memory that freed tensors leave behind and torch's own buffers; small ones vary by 8 MB.
Shares of a rank are counted from the list of matrices, not run. Linux only: it reads /proc/self. Not a test, and not
the memory of a GPU.
"""

import argparse
import importlib.util
import itertools
import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

HOUSE = Path(__file__).resolve().parents[1]
SHAPES = {"official": "official width, 1 row", "small": "shakespeare-char"}
SIZES = ("weights", "state", "state_of_a_rank", "peak")
RANKS = 8


def load(milestone: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_gpt2", HOUSE / "history" / milestone / "train_gpt2.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_gpt2"] = module
    spec.loader.exec_module(module)
    return module


def resident(entry: str) -> int:
    """Bytes that are resident now (VmRSS) or were at most (VmHWM)."""
    found = re.search(rf"{entry}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return 1024 * int(found[1])


def share_of_a_rank(milestone: str, optimizers: list[Any]) -> int | None:
    """Bytes of state on the rank that has most, if RANKS processes share Muon's matrices as the script does."""
    if "[RANK::WORLD_SIZE]" not in (HOUSE / "history" / milestone / "train_gpt2.py").read_text():
        return None
    total = 0
    for optimizer in optimizers:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        states = [sum(tensor.nbytes for tensor in optimizer.state[weight].values()) for weight in weights]
        shared = type(optimizer).__name__ == "Muon"
        total += max(sum(states[rank::RANKS]) for rank in range(RANKS)) if shared else sum(states)
    return total


def measure(milestone: str, shape: str) -> dict[str, int | None]:
    module = load(milestone)
    import torch

    flags = {"batch_size": 1, "micro_batch_size": 1}
    if shape == "small":
        settings = tomllib.loads((HOUSE / "history" / milestone / "milestone.toml").read_text())
        flags = settings["tracks"]["shakespeare-char"] | {"vocab_size": 65}
    h = module.Hyperparameters(**flags | {"device": "cpu", "precision": "float32", "compile": False})
    Path("/proc/self/clear_refs").write_text("5")  # the largest so far starts anew from here
    before = resident("VmRSS")
    torch.manual_seed(h.seed)
    model = module.GPT(h)
    optimizers = module.make_optimizers(model, h)
    tokens = torch.randint(h.vocab_size, (h.micro_batch_size, h.sequence_length + 1))
    batches = itertools.repeat((tokens[:, :-1], tokens[:, 1:]))
    for _ in range(2):
        module.training_step(model, optimizers, batches, h)
    states = [state for optimizer in optimizers for state in optimizer.state.values()]
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "weights": sum(weight.nbytes for weight in model.parameters()),
        "state": sum(tensor.nbytes for state in states for tensor in state.values()),
        "state_of_a_rank": share_of_a_rank(milestone, optimizers),
        "peak": resident("VmHWM") - before,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("milestones", nargs="*", help="all of history/ if none is given")
    parser.add_argument("--shape", choices=SHAPES, help="measure in this process: one milestone, one shape")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    milestones = arguments.milestones or sorted(path.parent.name for path in HOUSE.glob("history/*/train_gpt2.py"))
    if arguments.shape:
        print(json.dumps(measure(milestones[0], arguments.shape)))
        return
    rows = []
    for milestone, shape in itertools.product(milestones, SHAPES):
        command = [sys.executable, __file__, milestone, f"--shape={shape}"]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows.append({"milestone": milestone, "shape": shape} | json.loads(answer))
    if arguments.json:
        print(json.dumps(rows))
        return
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    print(f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores; MB = 10^6 bytes\n")
    print("| milestone | shape | parameters | weights | state | state on 1 of 8 ranks | peak |")
    print("| --- | --- | --: | --: | --: | --: | --: |")
    for row in rows:
        sizes = ("-" if row[kind] is None else f"{row[kind] / 1e6:,.1f} MB" for kind in SIZES)
        print(f"| {row['milestone']} | {SHAPES[row['shape']]} | {row['parameters']:,} | {' | '.join(sizes)} |")


if __name__ == "__main__":
    main()
