"""A small house in a temporary folder, with training scripts that take no time: for tests of the verbs.

The script keeps to the command line, the exit codes and the run log of a real one, but computes nothing; the flag
`mode` makes it misbehave. It needs no torch, so only torchrun itself costs time.
"""

import hashlib
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = '''"""A stand-in: losses from a formula."""
import hashlib, json, os, signal, sys, time

FLAGS = {"mode": "ok", "num_iterations": 4, "val_every": 2, "train_files": "", "val_files": "", "val_tokens": 0,
         "seed": 0, "run_id": "", "log_file": "", "track": ""}
RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def refuse(message):
    print(f"train_gpt2.py: {message}", file=sys.stderr)
    sys.exit(2)


def interrupt(*_):
    raise KeyboardInterrupt


def wait(seconds):
    """As a rank waits in a collective for one that is gone."""
    time.sleep(seconds)


def main():
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    flags = dict(FLAGS)
    for argument in sys.argv[1:]:
        name, _, value = argument.removeprefix("--").partition("=")
        if name not in flags:
            refuse(f"{argument}: no such field")
        try:
            flags[name] = type(flags[name])(value)
        except ValueError:
            refuse(f"{argument}: {value!r} is not of type int")
    source = open(__file__).read()
    log = open(flags["log_file"], "x", buffering=1) if RANK == 0 else open(os.devnull, "w")
    header = {"speedrun_log": 1, "run_id": flags["run_id"], "milestone": os.path.basename(os.path.dirname(__file__)),
              "track": flags["track"], "seed": flags["seed"], "world_size": WORLD, "hyperparameters": flags,
              "code_sha256": hashlib.sha256(source.encode()).hexdigest(), "data": {"train": [], "val": []},
              "git": None, "host": {}, "started": "", "tokens_per_step": 512, "parameters": 1}
    log.write("\\n".join([json.dumps(header), "=" * 100, source, "=" * 100]) + "\\n")

    def show(step, kind, loss):
        line = f"step:{step}/{flags['num_iterations']} {kind}_loss:{loss:.6f} train_time:{100 * step}ms "
        line += f"step_avg:{100 if step else float('nan'):.2f}ms"
        log.write(line + "\\n")
        if RANK == 0:
            print(line, flush=True)

    if flags["mode"] == "deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    finished, loss, step = "completed", 4.0, 0
    try:
        show(0, "val", loss)
        for step in range(1, flags["num_iterations"] + 1):
            loss = 4 * 0.8 ** step
            show(step, "train", loss)
            if step == 2 and flags["mode"] == "crash":
                if RANK == 1:
                    raise RuntimeError("rank one is [bold]broken[/bold]")
                wait(60)
            if step == 2 and flags["mode"] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if step == 2 and flags["mode"] in ("both", "gone"):  # rank 0 fails once rank 1 has, as in a collective
                pipe = open("pipe", "r" if RANK == 0 else "w")
                if RANK == 0:
                    pipe.read()
                elif flags["mode"] == "gone":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise RuntimeError(f"rank {RANK} failed")
            if step == 2 and flags["mode"] in ("slow", "deaf"):
                wait(60)
            if step == 2 and (flags["mode"] == "diverge" or flags["mode"] == f"diverge{flags['seed']}"):
                finished = "diverged"
                break
            if step % flags["val_every"] == 0:
                show(step, "val", loss)
    except KeyboardInterrupt:
        finished = "interrupted"
    last = {"finished": finished, "final_val_loss": round(loss, 6), "train_time_ms": 100 * step, "tokens": 512 * step,
            "steps": step, "peak_memory_mib": 1}
    log.write(json.dumps(last) + "\\n")
    sys.exit({"completed": 0, "diverged": 3, "interrupted": 130}[finished])


main()
'''

TRACK = """name = "toy"
title = "A toy"
what = "Nothing is learned here."
rules = ["be quick"]
[data]
folder = "data/toy"
train = "data/toy/toy_train_*.bin"
val = "data/toy/toy_val_*.bin"
make = "python data/toy.py"
[target]
val_loss = [3.0, 2.0]
[anchor]
milestone = "00_first"
[hardware]
class = "any"
"""

MILESTONE = """name = "{name}"
title = "A first"
idea = "none"
techniques = []
{sha256}
[tracks.toy]
num_iterations = 4
[official]
record = 1
minutes = 45
date = 2024-05-28
"""


def make_house(root: Path) -> Path:
    """A track `toy` with data, and the milestones 00_first, 01_second and train."""
    folder = root / "records" / "toy"
    folder.mkdir(parents=True)
    (folder / "track.toml").write_text(TRACK)
    for name in ("00_first", "01_second", "train"):
        add_milestone(root, name)
    data = root / "data" / "toy"
    data.mkdir(parents=True)
    for name in ("toy_train_000001.bin", "toy_val_000000.bin"):
        (data / name).write_bytes(struct.pack("<256i", 20240520, 1, 3, *[0] * 253) + struct.pack("<3H", 1, 2, 3))
    return root


def add_milestone(root: Path, name: str) -> None:
    folder = root / "train" if name == "train" else root / "history" / name
    folder.mkdir(parents=True)
    (folder / "train_gpt2.py").write_text(SCRIPT)
    digest = hashlib.sha256(SCRIPT.encode()).hexdigest()
    sha256 = "" if name == "train" else f'sha256 = "{digest}"'
    (folder / "milestone.toml").write_text(MILESTONE.format(name=name, sha256=sha256))


def start_verb(house: Path, call: str) -> subprocess.Popen[str]:
    """A verb in a process of its own, in a house; `call` is what stands after `speedrun`."""
    return subprocess.Popen(
        [sys.executable, "-m", "speedrun.cli", *call.split()],
        cwd=house,
        env=os.environ | {"SPEEDRUN_HOUSE": str(house), "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def verb(house: Path, call: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a verb."""
    process = start_verb(house, call)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def alive_with(token: str) -> list[str]:
    """Command lines of the processes whose arguments or environment hold the token (Linux)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:  # it has just ended, or is not ours
                continue
            if token.encode() in text:
                found.append(text.split(b"\0")[0].decode())
    return found


def none_left_with(token: str, seconds: float = 10) -> bool:
    """Wait until no such process is there: one that was killed may take a moment to go."""
    end = time.monotonic() + seconds
    while alive_with(token):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    """Read standard error up to the first line that holds the text; fails when it ends before."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"{text!r} never came")
