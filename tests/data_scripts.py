"""Runs the scripts of data/ as a user does, in a process of their own."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
SHARED = HOUSE.parent / "shared" / "data"


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", **more}


def start(script: str, *arguments: object, env: dict[str, str], **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, HOUSE / "data" / script, *map(str, arguments)],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def run(script: str, *arguments: object, env: dict[str, str] | None = None, **options) -> tuple[int, str, str]:
    """The exit code, standard output and standard error."""
    process = start(script, *arguments, env=env or environment(), **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def refused(script: str, *arguments: object, env: dict[str, str] | None = None, **options) -> str:
    """The one line that the script says before it exits with 2 (after any progress bar)."""
    code, _, err = run(script, *arguments, env=env, **options)
    lines = [line for line in err.splitlines() if line.startswith(script)]
    assert code == 2 and "Traceback" not in err and len(lines) == 1, err
    assert lines[0] == err.splitlines()[-1], err
    return lines[0]


def interruptible() -> None:
    """For preexec_fn: a test run in the background of a shell would pass on that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def gpt2_environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which tiktoken finds GPT-2's vocabulary in `folder`, offline."""
    cache = SHARED / "tiktoken_cache"
    if not cache.is_dir():
        pytest.skip(f"{cache} with GPT-2's vocabulary is absent, and tests fetch nothing")
    if not folder.exists():  # a copy: tiktoken deletes files whose hash is wrong
        shutil.copytree(cache, folder)
    return environment(TIKTOKEN_CACHE_DIR=str(folder), **more)


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.bin"))}
