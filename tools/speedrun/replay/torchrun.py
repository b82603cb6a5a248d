"""Starting a training script under torchrun, following what it prints, and ending it with nothing left behind.

    ended = run_script(script, ["--seed=1"], nproc=2, cwd=root, on_line=print)
    ended.exit_code, ended.rank, ended.stderr

torchrun is a child process of ours: neither torch nor the script is imported here. Standard output of the ranks comes
line by line; their standard error is kept apart, rank by rank, so that a crash can be shown as the words of the rank
that crashed. Not here: what the lines mean (logs.py) and what is stored (plans.py).
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from speedrun.errors import INTERRUPTED
from speedrun.machine import cores
from speedrun.replay import leash

GRACE_S = 10  # for the scripts to write their last line after Ctrl-C; then torchrun kills them
LAUNCHER_GRACE_S = GRACE_S + 5  # for torchrun to do so; then it is killed, and the ranks go with it
LONGEST_LINE = 1 << 16  # bytes of one printed line that are handed on at a time
MOST_STDERR = 1 << 20  # bytes of a rank's standard error that are kept, the last ones
STOPPED = {-signal.SIGTERM, -signal.SIGINT, INTERRUPTED}  # exit codes of ranks that were ended after another's crash
FORCED = "forcefully exiting"  # what torchrun says when it had to kill a rank with SIGKILL after that
FAILURE = re.compile(r"^  rank      : (\d+) \(local_rank: \d+\)\n  exitcode  : (-?\d+) ", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    exit_code: int  # of the script; minus the signal's number where one killed it; 130: interrupted by us
    rank: int | None  # the one that failed first; None: none did, or the launcher itself
    stderr: dict[int, str]  # by rank
    launcher: str  # what torchrun itself said


def command(script: Path, arguments: Sequence[str], nproc: int, scratch: Path) -> list[str]:
    """Replay holds torchrun on a leash that lets it stop its ranks (SIGTERM); torchrun holds each rank on one."""
    python, tie = sys.executable, [sys.executable, "-I", "-S", leash.__file__]
    launcher = ["torch.distributed.run", "--standalone", f"--nproc_per_node={nproc}"]
    logs = ["--log-dir", str(scratch), "--redirects", "2", "--no-python"]  # 2: standard error goes to files
    rank = [*tie, str(int(signal.SIGKILL)), python, str(script), *arguments]
    return [*tie, str(int(signal.SIGTERM)), python, "-m", *launcher, *logs, *rank]


def environment(nproc: int) -> dict[str, str]:
    """Ours, and the cores shared out among the ranks; torchrun alone would give each a single thread."""
    ours = {"OMP_NUM_THREADS": str(max(1, cores() // nproc)), "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(GRACE_S)}
    return ours | os.environ


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM and a closed terminal end the work as Ctrl-C does: by KeyboardInterrupt."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_script(script: Path, arguments: Sequence[str], nproc: int, cwd: Path, on_line: Callable[[str], None]) -> Ended:
    """Run to the end, or until KeyboardInterrupt, which is answered by stopping every rank; never leaves one running.

    `on_line` gets each line that a rank prints, without its newline, with bytes that are no UTF-8 replaced.
    """
    with tempfile.TemporaryDirectory(prefix="speedrun_") as folder:
        scratch = Path(folder)
        with open(scratch / "torchrun.log", "wb") as launcher_log:
            process = subprocess.Popen(
                command(script, arguments, nproc, scratch),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=launcher_log,
                cwd=cwd,
                env=environment(nproc),
                start_new_session=True,  # the terminal's Ctrl-C comes to us alone, and we pass it on once
            )
        interrupted = False
        try:
            _follow(process, on_line)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _stop(process)
        return _ended(scratch, process.returncode, interrupted)


def _follow(process: subprocess.Popen[bytes], on_line: Callable[[str], None]) -> None:
    assert process.stdout is not None
    while line := process.stdout.readline(LONGEST_LINE):
        on_line(line.decode("utf-8", "replace").rstrip("\r\n"))
    process.wait()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End what still runs: torchrun passes SIGINT on to every rank, waits GRACE_S and kills those that are left."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=LAUNCHER_GRACE_S)  # also empties the pipe, so that no rank hangs in a print
    except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C: do not wait
        process.kill()
        process.wait()


def _ended(scratch: Path, returncode: int, interrupted: bool) -> Ended:
    launcher = _tail(scratch / "torchrun.log")
    logs = {int(path.parent.name): path for path in sorted(scratch.glob("*/attempt_0/*/stderr.log"))}
    stderr = {rank: _tail(path) for rank, path in sorted(logs.items())}
    if interrupted or returncode == 0:
        return Ended(INTERRUPTED if interrupted else 0, None, stderr, launcher)
    failures = {int(rank): int(code) for rank, code in FAILURE.findall(launcher)}
    stopped = STOPPED | ({-signal.SIGKILL} if FORCED in launcher else set())
    crashed = {rank: code for rank, code in failures.items() if code not in stopped} or failures
    if not crashed:
        return Ended(returncode, None, stderr, launcher)
    # A crash takes other ranks with it within milliseconds, and torchrun looks less often than that; but the first to
    # crash is also the first whose standard error got its last words.
    first = min(crashed, key=lambda rank: logs[rank].stat().st_mtime_ns if rank in logs else 0)
    return Ended(crashed[first], first, stderr, launcher)


def _tail(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - MOST_STDERR))
        return file.read().decode("utf-8", "replace")
