"""Making diffs: the facts of all programs are asked in one process while this one compares their texts.

    (diff,) = diffs([(resolve("03"), resolve("04"))], run=False, parts=("words",), boards=list)

What is run, and what never is, is decided in program_facts.py.
"""

from collections.abc import Callable, Sequence

from speedrun.board.ranking import Board
from speedrun.milestones import all_milestones
from speedrun.study import line_diff
from speedrun.study.milestone_diff import Diff, assemble
from speedrun.study.program_facts import NOT_RUN, asking
from speedrun.study.program_source import Program
from speedrun.study.syntax_colour import coloured


def diffs(
    pairs: Sequence[tuple[Program, Program]], run: bool, parts: Sequence[str], boards: Callable[[], Sequence[Board]]
) -> list[Diff]:
    """`parts`: what will be shown; what costs time and is not shown stays unknown, the boards too."""
    programs = list({program.sha256: program for pair in pairs for program in pair}.values())
    with asking(programs if "words" in parts else [], run) as inquiry:
        comparisons = [line_diff.compare(before.files, after.files) for before, after in pairs]
        judged = boards() if "worth" in parts else []
        if inquiry.process is not None and "lines" in parts:  # there is a second to wait for it: colour ahead
            for program in programs:
                for file in program.files:
                    coloured(file.text)
        answers = inquiry.answers()
    facts = dict(zip((program.sha256 for program in programs), answers or [NOT_RUN] * len(programs), strict=True))
    milestones = all_milestones()
    return [
        assemble(before, after, (facts[before.sha256], facts[after.sha256]), milestones, judged, comparison)
        for (before, after), comparison in zip(pairs, comparisons, strict=True)
    ]
