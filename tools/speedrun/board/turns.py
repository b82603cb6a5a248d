"""Which runs took turns: those of one replay, whose milestones met the same machine in the same state.

    for cohort, part in zip(cohorts, in_turns(cohorts, sessions(runs))): ...    # the same cohort, with these runs alone

A rented machine of one name may be twice as fast on another day, so a ladder compares the runs of one session where it
can. Not here: what is compared (ladder.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from speedrun.board.cohorts import Cohort


def in_turns(cohorts: Sequence[Cohort], sessions: Mapping[Path, str]) -> list[Cohort | None]:
    """Each cohort with its runs of the session that ran most milestones, of these most runs; None: it has none there.

    A milestone without a complete run in that session keeps its cohorts whole, and so do all where no session ran two.
    `sessions`: of each folder of logs when its plan was created; a folder that is not in it belongs to none.
    """
    milestones: dict[str, list[str]] = {}  # of every complete run of a session
    for cohort in cohorts:
        for run in cohort.complete:
            if session := sessions.get(run.path.parent):
                milestones.setdefault(session, []).append(cohort.milestone)

    def size(session: str) -> tuple[int, int, str]:
        return len(set(milestones[session])), len(milestones[session]), session

    best = max(milestones, key=size, default=None)
    if best is None or size(best)[0] < 2:
        return list(cohorts)
    own = [_of_session(cohort, best, sessions) for cohort in cohorts]
    present = {cohort.milestone for cohort in own if cohort.complete}
    return [
        part if part.complete else None if cohort.milestone in present else cohort
        for cohort, part in zip(cohorts, own, strict=True)
    ]


def _of_session(cohort: Cohort, session: str, sessions: Mapping[Path, str]) -> Cohort:
    return replace(cohort, runs=tuple(run for run in cohort.runs if sessions.get(run.path.parent) == session))
