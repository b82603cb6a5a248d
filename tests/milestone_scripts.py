"""Milestone scripts for tests: each loaded as a module, and the small sizes at which a test runs it.

The small model has about 10,000 weights; twenty steps take a tenth of a second on one core.
"""

import importlib.util
import multiprocessing
import os
import runpy
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

HOUSE = Path(__file__).resolve().parents[1]
SCRIPTS = [*sorted(HOUSE.glob("history/*/train_gpt2.py")), HOUSE / "train/train_gpt2.py"]
VOCABULARY = 37
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY, "num_layers": 2, "num_heads": 2, "model_dim": 16, "sequence_length": 8, "batch_size": 8,
    "micro_batch_size": 2, "num_iterations": 22, "val_every": 5, "val_tokens": 0, "device": "cpu",
    "precision": "float32", "compile": False,
    # Some gradients of the first steps are zero but for rounding (a weight before a normalization has no effect on the
    # loss). With the usual 1e-8 Adam makes whole steps of that rounding, and equal runs part within twenty steps.
    "epsilon": 1e-5,
}  # fmt: skip
# what only some scripts have
SMALL_WHERE_THERE: dict[str, Any] = {
    "warmup_iterations": 3, "cooldown_iterations": 6, "momentum_warmup_iterations": 6, "value_embeddings": 1,
    "learning_rate": 0.01, "muon_learning_rate": 0.01, "embedding_learning_rate": 0.05, "head_learning_rate": 0.01,
    "scalar_learning_rate": 0.01,
}  # fmt: skip
# torch is loaded once, in a process that then does nothing but fork: a run costs a tenth of a fresh interpreter's
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["torch", "torch._dynamo", "torch.distributed", "torch.nn.parallel"])


def load(script: Path) -> ModuleType:
    """The script as a module of its own, anew at every call; its main() is not run."""
    spec = importlib.util.spec_from_file_location(f"train_gpt2_{script.parent.name}", script)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def milestone(number: int) -> Path:
    """history/NN_name/train_gpt2.py of a milestone."""
    (script,) = HOUSE.glob(f"history/{number:02}_*/train_gpt2.py")
    return script


def small(module: ModuleType, **changes: Any) -> Any:
    """The script's Hyperparameters at the small size, with changes."""
    there = {field.name for field in fields(module.Hyperparameters)}
    chosen = SMALL | {name: value for name, value in SMALL_WHERE_THERE.items() if name in there} | changes
    return module.Hyperparameters(**chosen)


def small_flags(script: Path) -> list[str]:
    """The same as flags of a command line."""
    module = load(script)
    usual = asdict(module.Hyperparameters())
    chosen = asdict(small(module))
    return [f"--{name}={chosen[name]}" for name in chosen if name in SMALL or chosen[name] != usual[name]]


def small_model(module: ModuleType, seed: int = 0, noise: float = 0.0, **changes: Any) -> Any:
    """A small GPT; noise is added to every weight, as many start at zero and would hide what they multiply."""
    torch.manual_seed(seed)
    model = module.GPT(small(module, **changes))
    if noise:
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight), alpha=noise)
    return model


def as_rank(environment: dict[str, str], shown: Path, work: Callable, arguments: tuple) -> None:
    """In a process of its own: what torchrun sets, output into files, one thread, then the work."""
    os.environ.update(environment)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(shown.with_name(f"{shown.name}.{name}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    torch.set_num_threads(1)
    work(*arguments)


def in_processes(processes: int, folder: Path, work: Callable, *arguments: Any, seconds: float = 100) -> list[int]:
    """Call work(*arguments) in so many processes, with the environment that torchrun gives; their exit codes.

    Rank r's output goes to folder/rank_r.out and folder/rank_r.err.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    group = []
    for rank in range(processes):
        environment = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_PORT": port}
        text = {name: str(value) for name, value in environment.items()} | {"MASTER_ADDR": "127.0.0.1"}
        group.append(FORKS.Process(target=as_rank, args=(text, folder / f"rank_{rank}", work, arguments)))
    for process in group:
        process.start()
    for process in group:
        process.join(seconds)
    late = [process for process in group if process.is_alive()]
    for process in late:
        process.kill()
        process.join()
    assert not late, f"{len(late)} of {processes} processes did not end within {seconds} s"
    return [process.exitcode for process in group if process.exitcode is not None]


def run_script(script: Path, arguments: list[str]) -> None:
    """What `python script arguments` does, in this process."""
    sys.argv = [str(script), *arguments]
    runpy.run_path(str(script), run_name="__main__")
