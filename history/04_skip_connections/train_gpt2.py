"""Milestone 4: skip connections, and what came with them.

The idea: more short ways through the network. Every block sees the embedding again; every layer's values are mixed with
the first layer's or with an embedding of their own; the second half of the layers gets back what the first half had
computed (U-net). The head is no longer the embedding, starts at zero and cannot shout (logit softcap). The momentum of
Muon warms up.

Published: records 8 to 11 of the public speedrun, 7.2 minutes on 8xH100 (November 2024); value embeddings are of
records 14 to 16 (December 2024).

How to run, from the top of the clone:

    torchrun --standalone --nproc_per_node=8 history/04_skip_connections/train_gpt2.py  the official run
    python history/04_skip_connections/train_gpt2.py --help                             every flag with its default
    speedrun replay 04_skip_connections --track toy-cpu                                 two CPU cores, about a minute

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
    vocab_size: int = 50_304  # 50,257, padded to a multiple of 128; 0: what meta.json beside the training shards says
    num_layers: int = 12
    num_heads: int = 6
    model_dim: int = 768
    sequence_length: int = 1024  # tokens in a row, the longest context
    rotary_base: float = 10_000.0  # 0: no positions at all
    qk_norm: bool = True
    relu_squared: bool = True  # False: GELU
    zero_init: bool = True
    embedding_shortcut: bool = True
    value_residual: bool = True
    value_embeddings: int = 3  # tables; each serves one of the first layers and one of the last
    unet_skips: bool = True
    logit_softcap: float = 30.0  # no logit is larger; 0: no bound
    # optimizer
    embedding_learning_rate: float = 0.6  # Adam, for the token and value embeddings
    head_learning_rate: float = 0.008  # Adam
    scalar_learning_rate: float = 0.04  # Adam, for the weights of the mixtures
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    muon_learning_rate: float = 0.04  # Muon, for the matrices of the blocks
    muon_momentum: float = 0.95
    # schedule
    num_iterations: int = 3_000  # steps of batch_size rows: 1.57B tokens
    cooldown_iterations: int = 900  # at the end, linear to 0
    momentum_warmup_iterations: int = 500  # from 0.85 to muon_momentum
    # data
    train_files: str = "data/fineweb10B/fineweb_train_*.bin"
    val_files: str = "data/fineweb10B/fineweb_val_*.bin"
    val_tokens: int = 10_485_760  # predicted tokens, from the start of the split; 0: all of it
    shuffle: bool = False  # rows of a shard in a random order, another one at every pass; False: as they come
    batch_size: int = 512  # rows a step over all processes, whatever their number
    micro_batch_size: int = 64  # rows in one forward pass of one process
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


class Rotary(nn.Module):
    """Rotary position embedding (https://arxiv.org/abs/2104.09864).

    At position t the pair (x_i, x_(i + D/2)) is turned by the angle t base^(-2i/D), i = 0 .. D/2 - 1. The product of a
    query and a key then depends on their positions only by the difference.
    """

    def __init__(self, h: Hyperparameters):
        super().__init__()
        D = h.model_dim // h.num_heads
        frequencies = h.rotary_base ** -(torch.arange(0, D, 2) / D) if h.rotary_base else torch.zeros(D // 2)
        angles = torch.outer(torch.arange(h.sequence_length), frequencies)[:, None]  # (T, 1, D/2) in radians
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, H, D) -> (B, T, H, D)
        cosine, sine = self.cosine[: x.size(1)].type_as(x), self.sine[: x.size(1)].type_as(x)
        first, second = x.chunk(2, dim=-1)
        return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


class CausalSelfAttention(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.num_heads, self.qk_norm = h.num_heads, h.qk_norm
        self.query = nn.Linear(h.model_dim, h.model_dim, bias=False)
        self.key = nn.Linear(h.model_dim, h.model_dim, bias=False)
        self.value = nn.Linear(h.model_dim, h.model_dim, bias=False)
        self.projection = nn.Linear(h.model_dim, h.model_dim, bias=False)
        if h.zero_init:
            nn.init.zeros_(self.projection.weight)
        self.value_mix = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, rotary: Rotary, other_values: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, T, C) -> (B, T, C) and this layer's own values; they are mixed with others: (B, T, C), (B, T, H, D)."""
        B, T, C = x.shape
        qkv = F.linear(x, torch.cat([self.query.weight, self.key.weight, self.value.weight]))  # one product, not three
        qk, v = qkv.view(B, T, 3 * self.num_heads, -1).split([2 * self.num_heads, self.num_heads], dim=2)
        qk = rotary(qk)  # (B, T, 2H, D), the queries first
        if self.qk_norm:
            qk = norm(qk)
        own_values, other_values = v, v if other_values is None else other_values.view_as(v).type_as(v)
        v = (1 - self.value_mix) * own_values + self.value_mix * other_values
        q, k = qk.transpose(1, 2).chunk(2, dim=1)  # (B, H, T, D)
        v = v.transpose(1, 2)
        y = attend(q, k, v)
        return self.projection(y.transpose(1, 2).reshape(B, T, C)), own_values


class MLP(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.up = nn.Linear(h.model_dim, 4 * h.model_dim, bias=False)
        self.down = nn.Linear(4 * h.model_dim, h.model_dim, bias=False)
        self.relu_squared = h.relu_squared
        if h.zero_init:
            nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, C)
        x = self.up(x)
        return self.down(x * F.relu(x) if self.relu_squared else F.gelu(x))  # x relu(x) = relu(x)^2


class Block(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.attention = CausalSelfAttention(h)
        self.mlp = MLP(h)
        self.residual_mix = nn.Parameter(torch.tensor([1.0, 0.0])) if h.embedding_shortcut else None

    def forward(self, x: Tensor, x0: Tensor, rotary: Rotary, other_values: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.residual_mix is not None:
            x = self.residual_mix[0] * x + self.residual_mix[1] * x0
        y, own_values = self.attention(norm(x), rotary, other_values)
        x = x + y
        x = x + self.mlp(norm(x))
        return x, own_values


class GPT(nn.Module):
    def __init__(self, h: Hyperparameters):
        super().__init__()
        self.token_embedding = nn.Embedding(h.vocab_size, h.model_dim)
        self.rotary = Rotary(h)
        self.blocks = nn.ModuleList([Block(h) for _ in range(h.num_layers)])
        self.head = nn.Linear(h.model_dim, h.vocab_size, bias=False)
        nn.init.zeros_(self.head.weight)
        tables = [nn.Embedding(h.vocab_size, h.model_dim) for _ in range(h.value_embeddings)]
        self.value_embeddings = nn.ModuleList(tables)
        self.value_residual, self.logit_softcap = h.value_residual, h.logit_softcap
        self.dtype = getattr(torch, h.precision)
        self.skip_weights = nn.Parameter(torch.ones(h.num_layers // 2)) if h.unet_skips and h.num_layers > 1 else None

    def value_table(self, layer: int) -> int | None:
        """Which value embedding the layer gets: with 12 layers and 3 tables 0, 1, 2, then none for 6, then 0, 1, 2."""
        tables, from_end = len(self.value_embeddings), len(self.blocks) - layer
        return layer if layer < tables else tables - from_end if from_end <= tables else None

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross entropy in nats a token; inputs and targets (B, T) token ids, target -1 is left out."""
        x = x0 = norm(self.token_embedding(inputs)).to(self.dtype)  # (B, T, C); in bfloat16 all along, if that is asked
        tables = [embedding(inputs) for embedding in self.value_embeddings]  # (B, T, C) each
        half = len(self.blocks) // 2
        first_values, skips = None, []
        for layer, block in enumerate(self.blocks):
            if self.skip_weights is not None and layer >= len(self.blocks) - half:
                x = x + self.skip_weights[layer - len(self.blocks)] * skips.pop()  # the last one first
            table = self.value_table(layer)
            x, values = block(x, x0, self.rotary, first_values if table is None else tables[table])
            if layer == 0 and self.value_residual:
                first_values = values
            if layer < half:
                skips.append(x)
        logits = self.head(norm(x)).float()  # (B, T, V)
        if self.logit_softcap:
            logits = self.logit_softcap * torch.tanh(logits / self.logit_softcap)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


# ----------------------------------------------------------------------------------------------------------------------
# Optimizer


def orthogonalize(G: Tensor, dtype: torch.dtype) -> Tensor:
    """The nearest matrix with singular values of about one, for each of a stack: (n, rows, columns) -> the same.

    Newton-Schulz: with G = U S V^T every step maps the singular values s to a s + b s^3 + c s^5, which drives those
    between 0 and 1 towards 1, and leaves U and V as they are. The coefficients do not converge; five steps bring all
    but the smallest singular values between 0.7 and 1.2 (https://kellerjordan.github.io/posts/muon).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    X = (G / (torch.linalg.vector_norm(G, dim=(1, 2), keepdim=True) + 1e-20)).to(dtype)  # no singular value above 1
    X = X.mT if G.size(1) > G.size(2) else X  # the smaller of X X^T and X^T X
    for _ in range(5):
        A = X @ X.mT
        X = torch.baddbmm(X, torch.baddbmm(A, A, A, beta=b, alpha=c), X, beta=a)  # a X + (b A + c A^2) X
    return X.mT if G.size(1) > G.size(2) else X


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalized: m = mu m + g, W = W - lr sqrt(max(1, rows / columns)) orthogonalize(g + mu m).

    Matrix i is the work of rank i mod WORLD_SIZE, which alone keeps its momentum.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float, dtype: torch.dtype):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})
        self.dtype = dtype  # of the matrix products

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            weights = group["params"]
            flat = torch.zeros(sum(weight.numel() for weight in weights), dtype=self.dtype, device=weights[0].device)
            directions = flat.split([weight.numel() for weight in weights])  # 0 where another rank does the work
            stacks: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}  # shape -> places and what to orthogonalize
            for weight, direction in list(zip(weights, directions, strict=True))[RANK::WORLD_SIZE]:
                if weight not in self.state:
                    self.state[weight]["momentum"] = torch.zeros_like(weight)
                momentum = self.state[weight]["momentum"].mul_(group["momentum"]).add_(weight.grad)
                update = torch.add(weight.grad, momentum, alpha=group["momentum"])  # Nesterov: one step ahead
                stacks.setdefault(weight.shape, []).append((direction.view_as(weight), update))
            for pairs in stacks.values():  # matrices of one shape together: few large products
                places, updates = zip(*pairs, strict=True)
                torch._foreach_copy_(places, orthogonalize(torch.stack(updates), self.dtype).unbind())
            if WORLD_SIZE > 1:
                dist.all_reduce(flat)  # the sum over ranks: each direction and zeros
            for weight, direction in zip(weights, directions, strict=True):
                scale = math.sqrt(max(1, weight.size(0) / weight.size(1)))
                weight.add_(direction.view_as(weight), alpha=-group["lr"] * scale)


def make_optimizers(model: GPT, h: Hyperparameters) -> list[torch.optim.Optimizer]:
    embeddings = [model.token_embedding.weight, *model.value_embeddings.parameters()]
    scalars = [weight for weight in model.parameters() if weight.ndim < 2]
    groups = [
        {"params": embeddings, "lr": h.embedding_learning_rate},
        {"params": [model.head.weight], "lr": h.head_learning_rate},
        {"params": scalars, "lr": h.scalar_learning_rate},
    ]
    adam = torch.optim.Adam(groups, betas=(h.beta1, h.beta2), eps=h.epsilon, fused=True)
    matrices = [weight for weight in model.blocks.parameters() if weight.ndim == 2]
    muon = Muon(matrices, h.muon_learning_rate, h.muon_momentum, getattr(torch, h.precision))
    for group in adam.param_groups + muon.param_groups:
        group["initial_lr"] = group["lr"]  # what the schedule scales
    return [adam, muon]


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
    """The share of the learning rates in step 0, 1, ..: constant, then linear to 0 over the cool-down."""
    return min(1.0, (h.num_iterations - step) / max(h.cooldown_iterations, 1))


def momentum(step: int, h: Hyperparameters) -> float:
    """Of Muon in step 0, 1, ..: from 0.85 linear to its final value."""
    done = min(1.0, step / max(h.momentum_warmup_iterations, 1))
    return (1 - done) * 0.85 + done * h.muon_momentum


def set_schedule(optimizers: list[torch.optim.Optimizer], step: int, h: Hyperparameters) -> None:
    for group in [group for optimizer in optimizers for group in optimizer.param_groups]:
        group["lr"] = group["initial_lr"] * learning_rate_scale(step, h)
        if "momentum" in group:
            group["momentum"] = momentum(step, h)


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
    if h.model_dim // h.num_heads % 2:
        refuse(f"heads of {h.model_dim // h.num_heads}: rotation needs an even size, --model_dim / --num_heads")
    if 2 * h.value_embeddings > h.num_layers:
        refuse(f"--value_embeddings={h.value_embeddings}: each serves two layers, --num_layers={h.num_layers}")
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
