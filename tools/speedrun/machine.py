"""What this machine has that training needs: Python, torch, CPU, memory, GPU, disk. Looked up, never guessed."""

import importlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

BF16 = ("amx_bf16", "avx512_bf16", "bf16")  # CPU flags for bfloat16 products, best first; the last one is ARM's
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Machine:
    python: str
    python_fault: str | None
    torch: str | None  # version; None: not installed
    torch_fault: str | None  # why it cannot be imported
    cuda: bool  # torch can use a GPU
    cpu: str
    cores: int  # that this process may use
    memory_gib: float | None
    bf16: tuple[str, ...]  # instructions; empty: none, or not known
    gpus: tuple[str, ...]
    driver: str | None
    disk_free_gib: float  # where the clone lies


def look(folder: Path) -> Machine:
    """Takes a second or two, most of it the import of torch."""
    version, fault, cuda = torch_state()
    gpus, driver = nvidia()
    old = sys.version_info < OLDEST_PYTHON
    return Machine(
        python=platform.python_version(),
        python_fault="older than 3.11" if old else None,
        torch=version,
        torch_fault=fault,
        cuda=cuda,
        cpu=cpu_fact("model name") or platform.processor() or platform.machine(),
        cores=cores(),
        memory_gib=memory_gib(),
        bf16=tuple(flag for flag in BF16 if flag in (cpu_fact("flags") or cpu_fact("Features") or "").split()),
        gpus=gpus,
        driver=driver,
        disk_free_gib=shutil.disk_usage(folder).free / 2**30,
    )


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def torch_state() -> tuple[str | None, str | None, bool]:
    """Its version, or None; why it cannot be imported, or None; whether it can use a GPU."""
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None, None, False
    try:
        return version, None, bool(importlib.import_module("torch").cuda.is_available())
    except (ImportError, OSError) as error:  # OSError: a shared library of it is missing
        return version, str(error), False


def silicon() -> str | None:
    """Which chip a rented machine's general name stands for: "AMD EPYC, family 25, model 17, stepping 1"."""
    names = ("cpu family", "model", "stepping")
    facts = [f"{name.removeprefix('cpu ')} {fact}" for name in names if (fact := cpu_fact(name))]
    return ", ".join([cpu_fact("model name") or platform.machine(), *facts]) if facts else None


def cpu_fact(name: str) -> str | None:
    """Of the first core in /proc/cpuinfo; None elsewhere than on Linux, or when it is not stated."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    facts = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in facts if key.strip() == name), None)


def cpp_compiler() -> tuple[str, bool]:
    """The C++ compiler that torch.compile calls for code on the CPU, and whether it is there."""
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    return name, shutil.which(name) is not None


def memory_gib() -> float | None:
    """Of the machine, or what a container may use of it."""
    limits = []
    if "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdecimal():  # else it says "max"
        limits.append(int(text))
    return min(limits) / 2**30 if limits else None


def nvidia() -> tuple[tuple[str, ...], str | None]:
    """Names of the GPUs and the driver's version, as nvidia-smi tells them."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        text = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return (), None
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line.count(",") == 2]
    return tuple(f"{name} {memory}" for name, memory, _ in rows), rows[0][2] if rows else None
