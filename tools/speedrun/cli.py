"""The command `speedrun VERB ...`, and how every verb and data script ends: in a result or in one line.

    speedrun doctor
    speedrun replay 00_baseline --track toy-cpu

`python tools/VERB.py ...` is the same. A verb's module is imported only when that verb is called, so that
`--help` answers at once.
"""

import importlib
import os
import sys
from collections.abc import Callable
from functools import wraps

from speedrun.errors import INTERRUPTED, WRONG_CALL, YES, UserError
from speedrun.reading.printable import printable

VERBS = {  # name: what it does
    "replay": "run a milestone on a track, n seeds, and keep its logs",
    "ablate": "run a milestone without each of its techniques: what each is worth alone",
    "audit": "what an archive's logs say to each claim in its record tables",
    "leaderboard": "rank the runs by time to target: terminal, leaderboard.md, web page",
    "diff_milestones": "what changed between two programs, and what it was worth (short: diff)",
    "parse": "run logs of any dialect as data",
    "extract": "programs out of a git clone, an archive or a log, for study",
    "doctor": "what starts on this machine, what is missing, what to type next",
}
ALIASES = {"diff": "diff_milestones"}


def fail(name: str, message: object) -> int:
    """Say in one line what is wrong: names in it may be out of files that anyone has made."""
    print(f"{name}: {printable(message)}", file=sys.stderr)
    return WRONG_CALL


def run(name: str, function: Callable[..., int | None], arguments: list[str] | None = None) -> int:
    """Parse `arguments` (default: the process's) for `function`, a typer command, call it, and return the exit code.

    Whatever a user can cause (a wrong option, bad input, a full disk, Ctrl-C) ends in one line on standard error.
    """
    show_what_can_be_shown()
    import typer
    from typer.exceptions import TyperException

    @wraps(function)
    def interruptible(*values: object, **options: object) -> int | None:
        try:
            return function(*values, **options)
        except KeyboardInterrupt:  # typer itself would end without a word
            return interrupted(name)

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(interruptible)
    try:
        return app(arguments, prog_name=name, standalone_mode=False) or YES
    except TyperException as error:
        return fail(name, f"{error.format_message().rstrip('.')}; see {name} --help")
    except UserError as error:
        return fail(name, error)
    except BrokenPipeError:
        return reader_left()
    except SystemExit as error:  # what rich makes of a broken pipe
        if isinstance(error.__context__, BrokenPipeError):
            return reader_left()
        raise
    except OSError as error:
        return not_written(name, error)


def show_what_can_be_shown() -> None:
    """A terminal or locale that lacks a character gets a question mark for it: better than no output at all."""
    for stream in (sys.stdout, sys.stderr):  # None where it is closed, and whatever a caller has put in its place
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def not_written(name: str, error: OSError) -> int:
    return fail(name, f"{error.filename or 'writing'}: {error.strerror or error}")


def reader_left() -> int:
    """As `head` does: no more output, and nobody who could be told."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return YES


def interrupted(name: str) -> int:
    print(f"{name}: interrupted", file=sys.stderr)
    return INTERRUPTED


def run_verb(verb: str, name: str, arguments: list[str] | None = None) -> int:
    try:
        module = importlib.import_module(f"speedrun.verbs.{verb}")
        return run(name, module.main, arguments)
    except KeyboardInterrupt:  # while modules are loaded
        return interrupted(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "speedrun":
            raise
        return fail(name, f"{error.name} is not installed in {sys.executable}: run `make setup`, then use .venv/bin/")


def tool(verb: str) -> None:
    """The whole of tools/VERB.py."""
    sys.exit(run_verb(verb, f"{verb}.py"))


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in {"-h", "--help"}:
        try:
            print("usage: speedrun VERB ...    (each verb has --help with an example)\n")
            print("\n".join(f"  {verb:<16} {what}" for verb, what in VERBS.items()), flush=True)
        except BrokenPipeError:
            sys.exit(reader_left())
        except OSError as error:
            sys.exit(not_written("speedrun", error))
        sys.exit(YES if arguments else WRONG_CALL)
    named = arguments[0]
    verb = ALIASES.get(named, named)
    if verb not in VERBS:
        from speedrun.nearest import nearest

        sys.exit(fail("speedrun", f"no verb {verb!r}{nearest(verb, [*VERBS, *ALIASES])}; see speedrun --help"))
    sys.exit(run_verb(verb, f"speedrun {named}", arguments[1:]))


if __name__ == "__main__":
    main()
