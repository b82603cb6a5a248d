"""The whole diff of two programs, in four parts, and as one JSON document.

    diff = assemble(before, after, facts, milestones, boards)
    document(diff, parts=("words", "worth"))

How it looks in a terminal is diff_terminal.py's, as a page diff_page.py's.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speedrun.board.ladder import Rung, gain_data
from speedrun.board.ranking import Board, Entry
from speedrun.milestones import Milestone, Official
from speedrun.study import line_diff, word_diff, worth
from speedrun.study.hyperparameter_diff import Hyperparameter
from speedrun.study.line_diff import Comparison, Fold
from speedrun.study.program_facts import Facts
from speedrun.study.program_source import Program
from speedrun.study.structure_diff import Pair
from speedrun.study.word_diff import FORMULA, Sizes, Words
from speedrun.study.worth import Measured, Worth

PARTS = {  # in the order in which they are shown
    "words": "In words",
    "structure": "By structure",
    "lines": "By line",
    "worth": "What it was worth",
}


@dataclass(frozen=True)
class Diff:
    before: Program
    after: Program
    words: Words
    comparison: Comparison
    worth: Worth

    @property
    def identical(self) -> bool:
        return [file.text for file in self.before.files] == [file.text for file in self.after.files]

    @property
    def changed_units(self) -> list[Pair]:
        """Of classes, functions and methods; methods of a class that is new or gone are told with it."""
        pairs = [pair for pair in self.comparison.pairs if pair.unit.kind != "module" and pair.change != "same"]
        whole = {(pair.change, pair.unit.role, pair.unit.name) for pair in pairs if pair.unit.kind == "class"}
        return [pair for pair in pairs if (pair.change, *pair.unit.parent) not in whole or pair.change == "changed"]

    def lines_of(self, pair: Pair) -> tuple[int, int]:
        """Lines added and removed; of a class that is new or gone with all its methods."""
        folds = [fold for fold in self.comparison.folds if fold.pair is pair]
        if pair.unit.kind == "class" and pair.change in ("added", "removed"):
            inside = (pair.unit.role, f"{pair.unit.name}.")
            members = [fold for fold in self.comparison.folds if fold.pair.change == pair.change]
            folds += [m for m in members if m.pair.unit.role == inside[0] and m.pair.unit.name.startswith(inside[1])]
        return sum(fold.added for fold in folds), sum(fold.removed for fold in folds)


def assemble(
    before: Program,
    after: Program,
    facts: Sequence[Facts | str],
    milestones: Sequence[Milestone],
    boards: Sequence[Board],
    comparison: Comparison | None = None,
) -> Diff:
    """`comparison`: where it has been made already, while the facts were waited for."""
    return Diff(
        before=before,
        after=after,
        words=word_diff.compare(before, after, facts, milestones),
        comparison=comparison or line_diff.compare(before.files, after.files),
        worth=worth.judged(before, after, boards),
    )


def document(diff: Diff, parts: Sequence[str] = tuple(PARTS)) -> dict[str, Any]:
    """What is not known is null."""
    makers = {
        "words": lambda: _words(diff.words),
        "structure": lambda: _structure(diff),
        "lines": lambda: [_fold(fold) for fold in diff.comparison.folds],
        "worth": lambda: _worth(diff.worth),
    }
    return {
        "before": _program(diff.before),
        "after": _program(diff.after),
        "identical": diff.identical,
        "unknown_syntax": list(diff.comparison.unknown),
        **{part: makers[part]() for part in PARTS if part in parts},
    }


def _program(program: Program) -> dict[str, Any]:
    return {
        "label": program.label,
        "origin": program.origin,
        "sha256": program.sha256,
        "files": [file.name for file in program.files],
        "milestone": program.milestone.name if program.milestone else None,
    }


def _words(words: Words) -> dict[str, Any]:
    techniques = None
    if words.techniques is not None:
        techniques = {way: [name for what, name in words.techniques if what == way] for way in ("added", "removed")}
    changes = words.hyperparameters
    return {
        "techniques": techniques,
        "hyperparameters": None
        if changes is None
        else [
            {
                "name": change.name,
                "section": change.section,
                "change": change.change,
                "before": _hyperparameter(change.before),
                "after": _hyperparameter(change.after),
            }
            for change in changes
        ],
        "before": _sizes(words.before),
        "after": _sizes(words.after),
        "flops_formula": FORMULA,
    }


def _hyperparameter(one: Hyperparameter | None) -> dict[str, Any] | None:
    return {"text": one.text, "value": one.value, "unit": one.unit, "comment": one.comment} if one else None


def _sizes(sizes: Sizes) -> dict[str, Any]:
    facts = sizes.facts
    return {
        "why_unknown": sizes.why_unknown,
        "parameters": facts.parameters if facts else None,
        "parts": facts.parts if facts else None,
        "multiplying": facts.multiplying if facts else None,
        "tied_head": facts.tied_head if facts else None,
        "groups": [asdict(group) for group in facts.groups] if facts else None,
        "schedules": facts.schedules if facts else None,
        "tokens_per_step": sizes.tokens_per_step,
        "steps": sizes.steps,
        "tokens": sizes.tokens,
        "flops_per_token": sizes.flops_per_token,
        "flops": sizes.flops,
    }


def _structure(diff: Diff) -> list[dict[str, Any]]:
    return [
        {
            "kind": pair.unit.kind,
            "change": pair.change,
            "before": pair.before.name if pair.before else None,
            "after": pair.after.name if pair.after else None,
            "file_before": pair.before.role or diff.before.main.name if pair.before else None,
            "file_after": pair.after.role or diff.after.main.name if pair.after else None,
        }
        for pair in diff.changed_units
    ]


def _fold(fold: Fold) -> dict[str, Any]:
    return {
        "name": fold.pair.name,
        "kind": fold.pair.unit.kind,
        "change": fold.pair.change,
        "added": fold.added,
        "removed": fold.removed,
        "hunks": [
            {
                "comments_only": hunk.words_only,
                "rows": [
                    {
                        "kind": row.kind,
                        "before": [row.before.number, row.before.text] if row.before else None,
                        "after": [row.after.number, row.after.text] if row.after else None,
                    }
                    for row in hunk.rows
                ],
            }
            for hunk in fold.hunks
        ],
    }


def _worth(worth: Worth) -> dict[str, Any]:
    before, after = worth.published
    return {
        "published": {"before": _official(before), "after": _official(after)},
        "measured": [_measured(one) for one in worth.measured],
    }


def _official(official: Official | None) -> dict[str, Any] | None:
    return asdict(official) if official else None


def _measured(one: Measured) -> dict[str, Any]:
    losses = one.losses
    return {
        "track": one.track.name,
        "hardware": one.hardware,
        "data": one.data or None,
        "before": _entry(one.before),
        "after": _entry(one.after),
        "targets": [_rung(rung) for rung in one.rungs],
        "final_loss": {"difference": losses.difference, "p": losses.p} if losses else None,
    }


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"label": entry.label, "n": entry.loss.n, "val_loss": entry.loss._asdict()}


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "target": rung.reach.target,
        "met_before": rung.before_met,
        "met": rung.reach.all_met,
        "n_before": rung.before.loss.n if rung.before else None,
        "n": rung.entry.loss.n,
        "fewer_steps": gain_data(rung.steps),
        "less_time": gain_data(rung.time),
    }
