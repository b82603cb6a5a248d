"""One kind of error for everything that a user can cause, and the exit codes of every verb."""

YES, NO, WRONG_CALL = 0, 1, 2  # done; the answer is no (check failed, diverged); the call or its input is wrong
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class UserError(Exception):
    """What is wrong, where, and what to do, in one line. The command line prints it and exits with 2."""
