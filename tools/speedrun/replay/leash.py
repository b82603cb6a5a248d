"""python leash.py SIGNAL COMMAND...: become COMMAND, and get that signal when the process that started it dies.

torchrun puts every rank into a session of its own, so no signal to a group reaches them all: without the leash, ranks
would outlive a launcher that is killed at once. The kernel does this on Linux only; elsewhere COMMAND just starts.
"""

import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; it stays set over exec


def main() -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
