"""What training scripts say when they are asked: runs in a process of its own, prints one JSON document.

    python -P -m speedrun.study.model_facts SCRIPT SHA256 [SCRIPT SHA256]...

Each script is executed up to its `if __name__ == "__main__"`; then its GPT and its optimizers are built with the
default hyperparameters on torch's meta device, where tensors have a shape and no memory. Only bytes of the given
sha256 are executed. This executes the scripts: whom to trust is decided by the caller (program_facts.py).
"""

import hashlib
import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

MOST_STEPS = 200_000  # a schedule is asked at every step up to so many
MOST_POINTS = 64  # of a schedule that bends at more steps than this, so many are kept


def main() -> None:
    """Standard output is for the answer alone: what the scripts print goes nowhere."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    arguments = iter(sys.argv[1:])
    answers = [_asked(Path(script), sha256) for script, sha256 in zip(arguments, arguments, strict=True)]
    with os.fdopen(answer, "w", encoding="utf-8") as file:
        json.dump(answers, file)
    os._exit(0)  # taking torch down in order takes a third as long as loading it, and nothing is left to keep


def _asked(script: Path, sha256: str) -> dict[str, Any]:
    try:
        return facts(load(script, sha256))
    except BaseException as error:  # whatever a script does, SystemExit too, is its answer
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())[:200]}


def load(script: Path, sha256: str) -> ModuleType:
    content = script.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("the script changed while it was read")
    module = ModuleType(f"program_{sha256[:16]}")
    module.__file__ = str(script)
    sys.modules[module.__name__] = module  # dataclasses look there
    sys.path.insert(0, str(script.parent))
    exec(compile(content, str(script), "exec"), module.__dict__)
    sys.path.remove(str(script.parent))
    return module


def facts(module: ModuleType) -> dict[str, Any]:
    import torch

    missing = [name for name in ("Hyperparameters", "GPT", "make_optimizers") if not hasattr(module, name)]
    if missing:
        raise LookupError(f"it has no {' and no '.join(missing)}")
    h = module.Hyperparameters()
    with _without_the_compiler(torch), torch.device("meta"):
        model = module.GPT(h)
        optimizers = module.make_optimizers(model, h)
    schedules = {name: _schedule(function, h) for name, function in _schedules(module)}
    return _sizes(model) | {"groups": list(_groups(model, optimizers)), "schedules": schedules}


@contextmanager
def _without_the_compiler(torch: Any) -> Iterator[None]:
    """Building a model on the meta device would load torch's compiler, which takes longer than all the rest.

    It is asked for one thing only: to leave functions alone that are not to be compiled. Nothing is compiled here.
    """
    name = "torch._dynamo"
    if name in sys.modules:  # the script itself has loaded it
        yield
        return
    absent = ModuleType(name)
    absent.__dict__["disable"] = lambda function, *_, **__: function
    sys.modules[name] = torch._dynamo = absent
    try:
        yield
    finally:
        del sys.modules[name], torch._dynamo


def _sizes(model: Any) -> dict[str, Any]:
    """How many weights there are, in which part of the model, and how many multiply a token."""
    from torch import nn

    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    looked_up = {id(table) for table in tables}
    matrices = [p for p in model.parameters() if p.ndim >= 2 and id(p) not in looked_up]
    vocabulary = tables[0].size(0) if tables else None
    tied = vocabulary is not None and not any(vocabulary in p.shape for p in matrices)
    parts = {name: sum(p.numel() for p in child.parameters()) for name, child in model.named_children()}
    own = {name: p.numel() for name, p in model.named_parameters(recurse=False)}
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "parts": {name: count for name, count in (parts | own).items() if count},
        "multiplying": sum(p.numel() for p in matrices) + (tables[0].numel() if tied else 0),
        "tied_head": tied,
    }


def _groups(model: Any, optimizers: list[Any]) -> Iterator[dict[str, Any]]:
    names = {id(p): name for name, p in model.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            tensors = group["params"]
            options = {name: value for name, value in group.items() if name not in ("params", "lr", "initial_lr")}
            yield {
                "optimizer": type(optimizer).__name__,
                "learning_rate": float(group["lr"]),
                "tensors": len(tensors),
                "weights": sum(p.numel() for p in tensors),
                "names": condensed([names.get(id(p), "?") for p in tensors]),
                "options": {name: _plain(value) for name, value in options.items() if _is_number(value)},
            }


def _is_number(value: Any) -> bool:
    values = value if isinstance(value, (tuple, list)) else [value]
    return bool(values) and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _plain(value: Any) -> Any:
    return [float(v) for v in value] if isinstance(value, (tuple, list)) else float(value)


def condensed(names: list[str]) -> list[str]:
    """["blocks.0.mlp.up.weight", "blocks.1.mlp.up.weight"] as ["blocks.*.mlp.up.weight"], in the order of the names."""
    return list(dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in names))


def _schedules(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """The functions of a step and the hyperparameters, such as learning_rate_scale(step, h)."""
    for name, value in vars(module).items():
        if not isinstance(value, FunctionType) or value.__module__ != module.__name__:
            continue
        if list(inspect.signature(value).parameters) == ["step", "h"]:
            yield name, value


def _schedule(function: FunctionType, h: Any) -> list[list[float]]:
    """[step, value] where the line bends, first and last step included; fewer of a curve that bends everywhere."""
    steps = min(int(h.num_iterations), MOST_STEPS)
    values = [float(function(step, h)) for step in range(steps + 1)]
    bends = [i for i in range(1, steps) if abs(values[i + 1] - 2 * values[i] + values[i - 1]) > 1e-9]
    if len(bends) > MOST_POINTS:
        bends = [round(i * steps / MOST_POINTS) for i in range(1, MOST_POINTS)]
    return [[i, values[i]] for i in dict.fromkeys([0, *bends, steps])]


if __name__ == "__main__":
    main()
