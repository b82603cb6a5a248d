"""speedrun doctor: what of this starts on this machine, what is missing, what to type next."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from speedrun.errors import NO, YES


def main(
    as_json: Annotated[bool, typer.Option("--json", help="the whole diagnosis as one JSON document")] = False,
) -> int:
    """Say what starts on this machine, what is missing, and what to type next. Exit code 1: nothing starts.

    \b
    speedrun doctor
    """
    from speedrun.doctor import diagnose

    diagnosis = diagnose()
    if as_json:
        print(json.dumps(asdict(diagnosis), indent=1))
    else:
        from speedrun.examination import show

        show(diagnosis)
    return YES if diagnosis.starts else NO
