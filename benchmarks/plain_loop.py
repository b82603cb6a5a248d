"""Tokens a second of the baseline script against a plain PyTorch loop of the same shapes.

    .venv/bin/python benchmarks/plain_loop.py [REPEATS]

Shapes: nanoGPT's CPU recipe for character Shakespeare (4 layers, 4 heads, 128 wide, context 64, batch 12, vocabulary
65). The plain loop is what one writes in an hour: nn.Linear with biases, nn.LayerNorm, exact GELU, fused attention,
clipped gradients, fused AdamW, random windows of a tensor; it validates nothing and logs nothing. Each side runs in a
process of its own, in turn (A B A B ..), so that drift of the machine hits both alike.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, VOCABULARY = 4, 4, 128, 64, 12, 65
STEPS, UNTIMED = 300, 10
HOUSE = Path(__file__).resolve().parents[1]


def plain_tokens_per_second() -> float:
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x: Tensor) -> Tensor:  # (B, T, C)
            B, T, C = x.shape
            q, k, v = (t.view(B, T, HEADS, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(C, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
            x = x + self.out(y)
            return x + self.mlp(self.norm2(x))

    torch.manual_seed(0)
    tokens, positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(CONTEXT, WIDTH)
    body, head = nn.Sequential(*(Block() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)), nn.Linear(WIDTH, VOCABULARY)
    model = nn.ModuleList([tokens, positions, body, head])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)
    data = torch.randint(VOCABULARY, (1_000_000,))
    started = 0.0
    for step in range(UNTIMED + STEPS):
        if step == UNTIMED:
            started = time.perf_counter()
        starts = torch.randint(len(data) - CONTEXT, (BATCH,)).tolist()
        inputs = torch.stack([data[i : i + CONTEXT] for i in starts])
        targets = torch.stack([data[i + 1 : i + 1 + CONTEXT] for i in starts])
        logits = head(body(tokens(inputs) + positions(torch.arange(CONTEXT))))
        loss = F.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return STEPS * BATCH * CONTEXT / (time.perf_counter() - started)


def baseline_tokens_per_second(folder: Path) -> float:
    import numpy as np

    header = np.zeros(256, dtype="<i4")
    header[:3] = 20240520, 1, 1_000_000
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 1_000_000).astype("<u2")
    for split in ("train", "val"):
        (folder / f"{split}.bin").write_bytes(header.tobytes() + tokens.tobytes())
    log = folder / "log.txt"
    log.unlink(missing_ok=True)
    flags = {
        "num_layers": LAYERS, "num_heads": HEADS, "model_dim": WIDTH, "sequence_length": CONTEXT,
        "batch_size": BATCH, "micro_batch_size": BATCH, "vocab_size": VOCABULARY, "num_iterations": STEPS,
        "warmup_iterations": 100, "val_every": STEPS, "val_tokens": 1000, "compile": "false", "precision": "float32",
        "device": "cpu", "untimed_steps": UNTIMED, "log_file": log,
        "train_files": folder / "train.bin", "val_files": folder / "val.bin",
    }  # fmt: skip
    script = HOUSE / "history/00_baseline/train_gpt2.py"
    command = [sys.executable, script, *(f"--{name}={value}" for name, value in flags.items())]
    subprocess.run(command, check=True, capture_output=True)
    end = json.loads(log.read_text().rstrip().split("\n")[-1])
    return end["tokens"] / (end["train_time_ms"] / 1000)


def cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repeats", nargs="?", type=int, default=5)
    parser.add_argument("--here", action="store_true", help="measure the plain loop in this process, prints its speed")
    options = parser.parse_args()
    if options.here:
        print(plain_tokens_per_second())
        return
    repeats = options.repeats
    speeds: dict[str, list[float]] = {"baseline": [], "plain loop": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(repeats):
            speeds["baseline"].append(baseline_tokens_per_second(Path(folder)))
            plain = subprocess.run([sys.executable, __file__, "--here"], check=True, capture_output=True, text=True)
            speeds["plain loop"].append(float(plain.stdout))
    print(f"{cpu_name()}, {os.cpu_count()} cores, Python {platform.python_version()}; n = {repeats} each, interleaved")
    for name, values in speeds.items():
        spread = statistics.stdev(values) if repeats > 1 else float("nan")
        ratios = [ours / plain for ours, plain in zip(values, speeds["plain loop"], strict=True)]
        print(f"{name:<12}{statistics.mean(values):>8,.0f} tokens/s +- {spread:,.0f} (standard deviation)")
        middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
        print(f"{'':<12}over the plain loop: median {middle:.3f}, from {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
