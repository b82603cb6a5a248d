"""The words and figures of part 4 of a diff, the same in the terminal and on the page.

    for row in verdicts(measured):
        print(row.what, row.before, row.after, row.words)

Plain text: whoever shows it escapes it for his medium. What is a gain is decided in worth.py and ladder.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from speedrun.board import figures
from speedrun.board.figures import NONE
from speedrun.board.ladder import SHOWN, Gain, Rung
from speedrun.board.ladder_markdown import p_text, ratio, steps_spread, verdict
from speedrun.inference import Spread
from speedrun.study.diff_wording import Compared
from speedrun.study.milestone_diff import Diff
from speedrun.study.worth import Measured, Worth, loss_words


def published_rows(worth: Worth) -> list[Compared]:
    before, after = worth.published
    if before == after:  # none of both, or revisions of one milestone
        return []

    def shown(name: str, unit: str) -> Compared:
        one, other = (getattr(official, name) if official else None for official in (before, after))
        better = {"minutes": "faster", "steps": "fewer"}.get(name)
        note = f"{one / other:.2f}× {better}" if better and one and other and one > other else ""
        words = [NONE if n is None else f"{n:,}{unit}" for n in (one, other)]
        return Compared(name.replace("_", " "), words[0], words[1], note)

    rows = [shown("minutes", " min"), shown("steps", ""), shown("val_loss", "")]
    records = [f"record {official.record}" if official else NONE for official in (before, after)]
    dates = [official.date or NONE if official else NONE for official in (before, after)]
    return [Compared("published as", f"{records[0]}, {dates[0]}", f"{records[1]}, {dates[1]}"), *rows]


@dataclass(frozen=True)
class Verdict:
    """What was measured on the way to one target, or of the final loss."""

    what: str
    before: str
    after: str
    gain: str
    words: str
    shown: bool  # the test shows a gain


def verdicts(one: Measured) -> list[Verdict]:
    found = [verdict_row for rung in one.rungs for verdict_row in _rung(rung)]
    if one.losses:
        step = one.losses
        sign = "−" if step.difference < 0 else "+"
        found.append(
            Verdict(
                "final val loss",
                figures.loss_spread(step.before.loss),
                figures.loss_spread(step.entry.loss),
                f"{sign}{abs(step.difference):.4f}",
                loss_words(step),
                step.p is not None and step.p < SHOWN,
            )  # fmt: skip
        )
    return found


def _rung(rung: Rung) -> list[Verdict]:
    target = figures.target_text(rung.reach.target)
    before = rung.before
    if before is None or rung.steps is None or rung.time is None:
        return [Verdict(f"val loss {target}", "", "", "", verdict(rung), False)] if rung.reach.met else []
    theirs = next(reach for reach in before.reaches if reach.target == rung.reach.target)
    old = Rung(before, theirs, None, False, None, None)
    return [
        Verdict(
            f"steps to {target}", _steps(old.step_spread), _steps(rung.step_spread), ratio(rung.steps),
            _standing(rung.steps, "fewer steps", "more steps"), rung.steps.standing == "gain",
        ),
        Verdict(
            f"time to {target}", _seconds(old.time_spread), _seconds(rung.time_spread), ratio(rung.time),
            _standing(rung.time, "less time", "slower"), rung.time.standing == "gain",
        ),
    ]  # fmt: skip


def _steps(spread: Spread | None) -> str:
    return steps_spread(spread) if spread else NONE


def _seconds(spread: Spread | None) -> str:
    return figures.seconds_spread(spread) if spread else NONE


def _standing(gain: Gain, better: str, worse: str) -> str:
    if gain.p is None:
        return "the same" if gain.standing == "same" else "no test possible"
    if gain.standing == "loss":
        return f"{worse} ({p_text(1 - gain.p)})"
    return f"{better if gain.standing == 'gain' else 'no gain shown'} ({p_text(gain.p)})"


def numbers(one: Measured) -> str:
    """ "n = 5 and 5 seeds"."""
    before, after = one.before, one.after
    if before is None or after is None:
        return ""
    return f"n = {before.loss.n} and {after.loss.n} seeds"


def alone(measured: Sequence[Measured], diff: Diff) -> list[str]:
    """Tables in which only one of the programs was run."""
    found = []
    for one in measured:
        if not one.rungs and not one.losses and not diff.identical:
            which = diff.after.label if one.before is None else diff.before.label
            found.append(f"{one.track.name}: only {which} was run ({one.hardware}).")
    return found


def no_runs(diff: Diff) -> str | None:
    if diff.identical:
        return "The two programs are the same: there is nothing to gain."
    if not diff.worth.both:
        return "No track in records/ has runs of both programs: the gain has not been measured here."
    return None
