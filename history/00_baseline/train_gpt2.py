"""Milestone 0, the baseline: GPT-2 trained with AdamW.

The idea: none yet. A pre-norm GPT-2 without biases, learned positions, GELU, one AdamW for every weight, warm-up and
then a linear decay. All later milestones are measured against this one.

Published: record 1 of the public speedrun, 45 minutes on 8xH100 to a validation loss of 3.28 (2024-05-28).

How to run, from the top of the clone:

    torchrun --standalone --nproc_per_node=8 history/00_baseline/train_gpt2.py       the official run
    python history/00_baseline/train_gpt2.py --help                                  every flag with its default
    speedrun replay 00_baseline --track toy-cpu                                      two CPU cores, some minutes

What it is not: the record's own program. It is written anew from the papers and the published figures; where these
leave something open, or were not followed, NOTES.md says what was chosen.
"""

import ctypes
import difflib
import inspect
import json
import math
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
import uuid
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from glob import glob
from hashlib import sha256
from pathlib import Path

# Read when torch is loaded. A CPU thread that waits for another spins only briefly: the usual length makes a step 60
# times slower as soon as other programs want the cores, and is not measurably faster on cores of one's own.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# Keep freed memory for the next step; glibc's way is to return it to the system and fetch it again page by page.
if platform.libc_ver()[0] == "glibc":
    for parameter, size in ((-1, 2**31 - 1), (-3, 2**25)):  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, in bytes
        ctypes.CDLL(None).mallopt(parameter, size)

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

RANK, WORLD_SIZE = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # as torchrun sets them

# ----------------------------------------------------------------------------------------------------------------------
# Hyperparameters: the defaults are the official run, every field is a flag --field=value


@dataclass
class Hyperparameters:
    # model: 124M parameters
    vocab_size: int = 50_257  # 0: what meta.json beside the training shards says
    num_layers: int = 12
    num_heads: int = 12
    model_dim: int = 768
    sequence_length: int = 1024  # tokens in a row, the longest context
    # optimizer
    learning_rate: float = 1.5e-3
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    gradient_clip: float = 1.0  # largest norm of all gradients together; 0: no clipping
    # schedule
    num_iterations: int = 24_576  # steps of batch_size rows: 6.44B tokens
    warmup_iterations: int = 256
    final_learning_rate: float = 1 / 11  # share of learning_rate that is left at the end
    # data
    train_files: str = "data/fineweb10B/fineweb_train_*.bin"
    val_files: str = "data/fineweb10B/fineweb_val_*.bin"
    val_tokens: int = 10_485_760  # predicted tokens, from the start of the split; 0: all of it
    shuffle: bool = False  # rows of a shard in a random order, another one at every pass; False: as they come
    batch_size: int = 256  # rows a step over all processes, whatever their number
    micro_batch_size: int = 32  # rows in one forward pass of one process
    # running
    val_every: int = 125  # steps between validations; the last step always has one
    seed: int = 1
    device: str = "auto"  # auto, cuda or cpu
    precision: str = "bfloat16"  # of matrix products, float32, or auto: the faster; weights are always float32
    compile: bool = True  # torch.compile
    untimed_steps: int = 3  # on made-up data before the clock starts, so that kernels are built and warm
    checkpoint: str = ""  # where to save the trained weights; empty: nowhere
    # run log
    track: str = ""  # written into the log
    run_id: str = ""  # empty: made up, unique
    log_file: str = ""  # empty: runs/RUN_ID.txt


# ----------------------------------------------------------------------------------------------------------------------
# Model. Shapes: B rows, T tokens a row, C = model_dim, H = num_heads, D = C / H, V = vocab_size


def norm(x: Tensor) -> Tensor:
    """RMSNorm without parameters: x / sqrt(mean(x^2) + 1e-6), the mean over the last dimension, taken in float32."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    return x * torch.rsqrt(length.square() / x.size(-1) + 1e-6).type_as(x)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention: (B, H, T, D) three times -> (B, H, T, D)."""
    if q.device.type == "cuda" or q.dtype == torch.float32:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    # in bfloat16 on a CPU PyTorch's fused attention takes three to five times as long as the formula written out
    future = torch.full((q.size(2), q.size(2)), -math.inf, dtype=q.dtype, device=q.device).triu(1)
    return torch.softmax(q @ k.mT * q.size(3) ** -0.5 + future, dim=-1) @ v


class CausalSelfAttention(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.num_heads = h.num_heads
        self.qkv = nn.Linear(h.model_dim, 3 * h.model_dim, bias=False)
        self.projection = nn.Linear(h.model_dim, h.model_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        B, T, C = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.num_heads, C // self.num_heads).unbind(2)  # (B, T, H, D) each
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, H, T, D)
        y = attend(q, k, v)
        return self.projection(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.up = nn.Linear(h.model_dim, 4 * h.model_dim, bias=False)
        self.down = nn.Linear(4 * h.model_dim, h.model_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        return self.down(F.gelu(self.up(x)))


class Block(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.attention = CausalSelfAttention(h)
        self.mlp = MLP(h)
        self.attention_scale = 1 / math.sqrt(2 * h.num_layers)  # keeps the residual stream from growing with depth

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        x = torch.add(x, self.attention(norm(x)), alpha=self.attention_scale)
        x = x + self.mlp(norm(x))
        return x


class GPT(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.token_embedding = nn.Embedding(h.vocab_size, h.model_dim)
        self.position_embedding = nn.Embedding(h.sequence_length, h.model_dim)
        self.blocks = nn.ModuleList([Block(h) for _ in range(h.num_layers)])
        nn.init.normal_(self.token_embedding.weight, std=0.02)  # it is the head too, so it starts small
        nn.init.normal_(self.position_embedding.weight, std=0.02)

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross entropy in nats a token; inputs and targets (B, T) token ids, target -1 is left out."""
        positions = torch.arange(inputs.size(1), device=inputs.device)
        x = self.token_embedding(inputs) + self.position_embedding(positions)  # (B, T, C)
        for block in self.blocks:
            x = block(x)
        logits = F.linear(norm(x), self.token_embedding.weight).float()  # (B, T, V); the head is the embedding
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


# ----------------------------------------------------------------------------------------------------------------------
# Optimizer


def make_optimizers(model: GPT, h: Hyperparameters) -> list[torch.optim.Optimizer]:
    betas = (h.beta1, h.beta2)
    adamw = torch.optim.AdamW(
        model.parameters(), lr=h.learning_rate, betas=betas, eps=h.epsilon, weight_decay=h.weight_decay, fused=True
    )
    for group in adamw.param_groups:
        group["initial_lr"] = group["lr"]  # what the schedule scales
    return [adamw]


# ----------------------------------------------------------------------------------------------------------------------
# Data: shards of 256 little-endian int32 (magic, version, number of tokens, zeros), then the tokens as uint16


def read_shards(pattern: str, flag: str, vocab_size: int) -> list[tuple[str, np.ndarray]]:
    """File name and tokens, (n,) uint16 mapped from the file, of every shard; a damaged one ends the program."""
    shards = []
    for path in sorted(glob(pattern)):
        header, size = np.fromfile(path, dtype="<i4", count=256), os.path.getsize(path)
        if len(header) < 256 or header[0] != 20240520 or header[1] != 1:
            refuse(f"{path} is no token shard: it does not start with the numbers 20240520, 1 of its header")
        if header[2] < 1 or size != 1024 + 2 * int(header[2]):
            refuse(f"{path} is damaged: {header[2]} tokens stated, {(size - 1024) / 2:g} there; make or get it anew")
        tokens = np.memmap(path, dtype="<u2", mode="r", offset=1024)
        if tokens.max() >= vocab_size:
            refuse(f"{path} holds token {tokens.max()}, beyond --vocab_size={vocab_size}: was it made for another one?")
        shards.append((path, tokens))
    return shards or refuse(f"no shards at --{flag}={pattern}; data/README.md says how to get them")


def training_batches(shards: list[tuple[str, np.ndarray]], h: Hyperparameters):
    """For ever, this rank's micro-batches: inputs and targets, (micro_batch_size, T) each.

    A step takes the next batch_size rows of a shard, rank r the r-th share of them, so that the tokens of a step do not
    depend on the number of ranks. The end of a shard that is too short for a step is left out.
    """
    T, share, random = h.sequence_length, h.batch_size // WORLD_SIZE, np.random.default_rng(h.seed)
    while True:  # one turn is one pass over the data
        for _, tokens in shards:
            rows = (len(tokens) - 1) // T
            order = random.permutation(rows) if h.shuffle else np.arange(rows)
            for step_start in range(0, rows - h.batch_size + 1, h.batch_size):
                for first in range(step_start + RANK * share, step_start + (RANK + 1) * share, h.micro_batch_size):
                    starts = T * order[first : first + h.micro_batch_size]
                    chunk = torch.from_numpy(tokens[starts[:, None] + np.arange(T + 1)].astype(np.int64))  # (B, T + 1)
                    yield chunk[:, :-1], chunk[:, 1:]


def validation_batches(tokens: np.ndarray, h: Hyperparameters):
    """Once through the split: every token but the first is predicted exactly once; ranks take micro-batches in turn.

    Inputs and targets are (micro_batch_size, T) each, fewer rows at the end; a last short row is padded, target -1.
    """
    T, span = h.sequence_length, h.micro_batch_size * h.sequence_length
    for start in range(RANK * span, len(tokens) - 1, WORLD_SIZE * span):
        chunk = torch.from_numpy(tokens[start : start + span + 1].astype(np.int64))
        padding = -(len(chunk) - 1) % T
        yield F.pad(chunk[:-1], (0, padding)).view(-1, T), F.pad(chunk[1:], (0, padding), value=-1).view(-1, T)


# ----------------------------------------------------------------------------------------------------------------------
# Schedule


def learning_rate_scale(step: int, h: Hyperparameters) -> float:
    """The share of the learning rate in step 0, 1, ..: linear warm-up, then linear decay over the whole run."""
    if step < h.warmup_iterations:
        return (step + 1) / h.warmup_iterations
    return 1 - (1 - h.final_learning_rate) * step / h.num_iterations


def set_schedule(optimizers: list[torch.optim.Optimizer], step: int, h: Hyperparameters) -> None:
    for group in [group for optimizer in optimizers for group in optimizer.param_groups]:
        group["lr"] = group["initial_lr"] * learning_rate_scale(step, h)


# ----------------------------------------------------------------------------------------------------------------------
# Run log: a JSON line, this program, the steps, a JSON line


class RunLog:
    """The text file that holds the whole run, written line by line by rank 0."""

    def __init__(self, path: str):
        self.file = None
        if RANK == 0:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self.file = open(path, "xb", buffering=0)  # noqa: SIM115 (open to the end; x: never over a log that is there)

    def write(self, text: str) -> None:
        if self.file:
            self.file.write(text.encode() + b"\n")

    def step(self, step: int, planned: int, kind: str, loss: float, seconds: float) -> None:
        average = f"{1000 * seconds / step:.2f}" if step else "nan"
        line = f"step:{step}/{planned} {kind}:{loss:.6f} train_time:{1000 * seconds:.0f}ms step_avg:{average}ms"
        self.write(line)
        if self.file:  # whoever reads along wakes at most ten times a second: waking takes a core from the training
            print(line, flush=step % 10 == 0 or step == planned or seconds > 0.1 * step)


def output(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def describe(shards: list[tuple[str, np.ndarray]]) -> list[dict]:
    return [{"name": Path(path).name, "tokens": len(tokens), "sha256": sha256(Path(path).read_bytes()).hexdigest()}
            for path, tokens in shards]  # fmt: skip


def log_header(h: Hyperparameters, source: str, model: nn.Module, train_shards: list, val_shards: list) -> str:
    """What is run, on what data, on which machine."""
    git = ("git", "-C", str(Path(__file__).resolve().parent))
    commit, changes = output(*git, "rev-parse", "HEAD"), output(*git, "status", "--porcelain")
    cpuinfo = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    cpu = re.search(r"model name\s*: (.*)", cpuinfo)
    driver = output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") if h.device == "cuda" else None
    host = {
        "cpu": cpu[1] if cpu else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(), "python": platform.python_version(), "torch": torch.__version__,
        "gpu_count": WORLD_SIZE if h.device == "cuda" else 0, "driver": driver.split("\n")[0] if driver else None,
        "gpu": torch.cuda.get_device_name() if h.device == "cuda" else None, "os": platform.system(),
        "cuda": torch.version.cuda if h.device == "cuda" else None,
    }  # fmt: skip
    header = {
        "speedrun_log": 1, "run_id": h.run_id, "milestone": Path(__file__).resolve().parent.name, "track": h.track,
        "seed": h.seed, "world_size": WORLD_SIZE, "hyperparameters": asdict(h),
        "code_sha256": sha256(source.encode()).hexdigest(), "parameters": sum(p.numel() for p in model.parameters()),
        "data": {"train": describe(train_shards), "val": describe(val_shards)},
        "git": {"commit": commit, "dirty": bool(changes)} if commit else None, "host": host,
        "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "tokens_per_step": h.batch_size * h.sequence_length,
    }  # fmt: skip
    return json.dumps(header)


# ----------------------------------------------------------------------------------------------------------------------
# Flags


def refuse(message: str):
    """Wrong input ends the program with one line on standard error and exit code 2."""
    if RANK:
        time.sleep(10)  # rank 0 says it; when it ends, torchrun ends the others
    print(f"train_gpt2.py: {message}", file=sys.stderr)
    sys.exit(2)


def parse_flags(arguments: list[str]) -> Hyperparameters:
    h = Hyperparameters()
    for argument in arguments:
        if argument in ("-h", "--help"):
            print(__doc__, inspect.getsource(Hyperparameters), sep="\n")
            sys.exit(0)
        name, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not equals or name not in asdict(h):
            near = difflib.get_close_matches(name, asdict(h), n=1, cutoff=0)[0]
            refuse(f"{argument} is not --field=value with a field of this script; the nearest is --{near}=")
        kind = type(getattr(h, name))
        try:
            setattr(h, name, {"true": True, "false": False}[value.lower()] if kind is bool else kind(value))
        except (ValueError, KeyError):
            refuse(f"{argument}: {value!r} is no {kind.__name__}; the default is --{name}={getattr(h, name)}")
    return h


def check(h: Hyperparameters) -> None:
    """Refuse what cannot run; decide what was left open."""
    if 8 % WORLD_SIZE:
        refuse(f"{WORLD_SIZE} processes: the number must divide 8, so 1, 2, 4 or 8")
    counts = "num_layers num_heads model_dim sequence_length num_iterations batch_size micro_batch_size val_every"
    for name, value in asdict(h).items():
        if not isinstance(value, str) and not (name in counts.split()) <= value <= (0.9999 if "beta" in name else 1e18):
            refuse(f"--{name}={value}: must be a number from {int(name in counts.split())} to 1e18, a beta below 1")
    gpu = torch.cuda.is_available()
    if h.device not in ("auto", "cpu", "cuda")[: 2 + gpu] or h.precision not in ("auto", "bfloat16", "float32"):
        refuse(f"--device={h.device} --precision={h.precision}: auto, cpu, on a GPU cuda; auto, bfloat16 or float32")
    if h.model_dim % h.num_heads:
        refuse(f"--model_dim={h.model_dim} does not divide into --num_heads={h.num_heads} heads")
    share = h.batch_size // WORLD_SIZE  # rows of a step that one process trains on
    h.micro_batch_size = min(h.micro_batch_size, share) or 1
    if h.batch_size % WORLD_SIZE or share % h.micro_batch_size:
        refuse(f"--batch_size={h.batch_size} does not divide by {WORLD_SIZE} x --micro_batch_size={h.micro_batch_size}")
    h.device = h.device.replace("auto", "cuda" if gpu else "cpu")
    if h.checkpoint and (os.path.isdir(h.checkpoint) or not os.path.isdir(os.path.dirname(h.checkpoint) or ".")):
        refuse(f"--checkpoint={h.checkpoint}: must be a file in a folder that is there")  # now, not after the training
    # on a CPU without it bfloat16 is far slower than float32
    bfloat16 = h.device == "cuda" or getattr(torch.cpu, "get_capabilities", dict)().get("avx512_bf16")
    h.precision = h.precision.replace("auto", "bfloat16" if bfloat16 else "float32")
    meta = Path(h.train_files).parent / "meta.json"
    try:
        stated = int(json.loads(meta.read_text(encoding="utf-8"))["vocab_size"]) if meta.exists() else 50_257
    except (ValueError, KeyError, TypeError, OverflowError):
        refuse(f"{meta} does not state a vocab_size; make the shards anew")
    h.vocab_size = h.vocab_size or stated
    h.run_id = h.run_id or f"{datetime.now():%Y%m%dT%H%M%S}_{uuid.uuid4().hex[:8]}"
    h.log_file = h.log_file or f"runs/{h.run_id}.txt"


# ----------------------------------------------------------------------------------------------------------------------
# Training


def validate(model: nn.Module, val_split: np.ndarray, h: Hyperparameters) -> float:
    """Mean cross entropy in nats over the predicted tokens of the split, the same on every rank."""
    total = torch.zeros(2, dtype=torch.float64, device=h.device)  # summed loss, tokens
    with torch.no_grad(), torch.autocast(h.device, torch.bfloat16, enabled=h.precision == "bfloat16"):
        for inputs, targets in validation_batches(val_split, h):
            loss, count = model(inputs.to(h.device), targets.to(h.device)), (targets >= 0).sum()
            total += torch.stack([loss.double() * count, count.to(h.device)])
    if WORLD_SIZE > 1:
        dist.all_reduce(total)
    return (total[0] / total[1]).item()


def training_step(model: nn.Module, optimizers: list, batches, h: Hyperparameters) -> float:
    """Gradients of batch_size rows, one update; the mean loss before it, the same on every rank."""
    accumulation = h.batch_size // (WORLD_SIZE * h.micro_batch_size)
    loss = torch.zeros((), device=h.device)
    for micro_step in range(accumulation):
        inputs, targets = next(batches)
        communicate = WORLD_SIZE == 1 or micro_step == accumulation - 1  # average gradients over ranks once a step
        with nullcontext() if communicate else model.no_sync():
            with torch.autocast(h.device, torch.bfloat16, enabled=h.precision == "bfloat16"):
                micro_loss = model(inputs.to(h.device), targets.to(h.device)) / accumulation
            micro_loss.backward()
        loss += micro_loss.detach()
    if h.gradient_clip:
        nn.utils.clip_grad_norm_(model.parameters(), h.gradient_clip)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if WORLD_SIZE > 1:
        dist.all_reduce(loss)
    return loss.item() / WORLD_SIZE  # .item() waits for the device: the clock may be read


def warm_up(model: nn.Module, optimizers: list, h: Hyperparameters) -> None:
    """Build and run every kernel on made-up data; leaves no trace in weights, optimizers or random state."""
    made_up = np.arange(h.batch_size * h.sequence_length + 1) % h.vocab_size
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    states = [optimizer.state_dict() for optimizer in optimizers]
    with torch.random.fork_rng([torch.cuda.current_device()] if h.device == "cuda" else []):
        for _ in range(h.untimed_steps):
            training_step(model, optimizers, training_batches([("", made_up)], h), h)
        validate(model, made_up, h)
    model.load_state_dict(weights)
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(state)


def train(model: GPT, shards: list, val_split: np.ndarray, h: Hyperparameters, log: RunLog) -> str:
    """The whole run, to the last line of the log: completed, diverged or interrupted."""
    step, train_time, val_loss, finished = 0, 0.0, None, "diverged"  # the clock runs in seconds
    try:
        optimizers = make_optimizers(model, h)
        runner = torch.compile(model, dynamic=False) if h.compile else model
        runner = DistributedDataParallel(runner, broadcast_buffers=False) if WORLD_SIZE > 1 else runner
        if h.untimed_steps:
            warm_up(runner, optimizers, h)
        batches = training_batches(shards, h)
        while True:
            if step % h.val_every == 0 or step == h.num_iterations:  # off the clock
                val_loss = validate(runner, val_split, h)
                log.step(step, h.num_iterations, "val_loss", val_loss, train_time)
                if not math.isfinite(val_loss):
                    break
                clock = time.perf_counter() - train_time
            if step == h.num_iterations:
                finished = "completed"
                break
            set_schedule(optimizers, step, h)
            loss = training_step(runner, optimizers, batches, h)
            train_time = time.perf_counter() - clock
            step += 1
            log.step(step, h.num_iterations, "train_loss", loss, train_time)
            if not math.isfinite(loss):
                break
    except KeyboardInterrupt:
        finished = "interrupted"
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    last = {
        "finished": finished, "final_val_loss": val_loss if val_loss is not None and math.isfinite(val_loss) else None,
        "train_time_ms": round(1000 * train_time), "steps": step, "tokens": step * h.batch_size * h.sequence_length,
        "peak_memory_mib": (torch.cuda.max_memory_allocated() if h.device == "cuda" else resident) // 2**20,
    }  # fmt: skip
    log.write(json.dumps(last))
    return finished


def stop_on_signal(*_) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # one is enough: a second must not cut off the last line
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    signal.signal(signal.SIGINT, stop_on_signal)
    signal.signal(signal.SIGTERM, stop_on_signal)
    h = parse_flags(sys.argv[1:])
    check(h)
    shards = read_shards(h.train_files, "train_files", h.vocab_size)
    val_shards = read_shards(h.val_files, "val_files", h.vocab_size)
    steps_in_reach = np.cumsum([(len(tokens) - 1) // (h.batch_size * h.sequence_length) for _, tokens in shards])
    if steps_in_reach[-1] == 0:
        refuse(f"a step needs {h.batch_size * h.sequence_length:,} tokens, no shard at {h.train_files} has them")
    shards = shards[: 1 + int(np.searchsorted(steps_in_reach, h.num_iterations))]  # as far as the run comes
    val_split = np.concatenate([tokens for _, tokens in val_shards])
    if h.val_tokens < 0 or len(val_split) < max(h.val_tokens, 1) + 1:
        refuse(f"--val_tokens={h.val_tokens}: {h.val_files} holds {len(val_split)} tokens, the first is not predicted")
    val_split = val_split[: h.val_tokens + 1] if h.val_tokens else val_split

    if h.device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    if WORLD_SIZE > 1:
        dist.init_process_group("nccl" if h.device == "cuda" else "gloo")
    torch.manual_seed(h.seed)
    model = GPT(h).to(h.device)
    source = Path(__file__).read_text(encoding="utf-8")
    top = log_header(h, source, model, shards, val_shards) if RANK == 0 else ""
    log = RunLog(h.log_file)
    log.write(f"{top}\n{'=' * 100}\n{source}{'=' * 100}")
    finished = train(model, shards, val_split, h, log)
    if finished == "completed" and h.checkpoint and RANK == 0:
        torch.save({"model": model.state_dict(), "hyperparameters": asdict(h)}, h.checkpoint + ".part")
        os.replace(h.checkpoint + ".part", h.checkpoint)
    if finished != "completed" and RANK == 0:
        print(f"train_gpt2.py: {finished}; the log up to here is in {h.log_file}", file=sys.stderr)
    os._exit({"completed": 0, "diverged": 3, "interrupted": 130}[finished])  # without waiting for other ranks


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("train_gpt2.py: interrupted before the run began", file=sys.stderr)
        os._exit(130)
    except FileExistsError as error:
        refuse(f"{error.filename} is there already: a run is not continued, only begun anew; give another --log_file")
    except OSError as error:
        refuse(f"{error.filename or 'the run log'}: {error.strerror}")
