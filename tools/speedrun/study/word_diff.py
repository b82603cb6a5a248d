"""Part 1 of a diff, in words: techniques, hyperparameters, and the sizes of model, optimizers, schedule and run.

    words = compare(before, after, (facts_before, facts_after), all_milestones())
    words.hyperparameters, words.after.flops_per_token

Everything is read from the programs (hyperparameter_diff.py, program_facts.py) but the techniques, which are those
that milestone.toml names: each names what came with it, so that what a milestone has is its own and all before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from speedrun.milestones import LIVE, Milestone
from speedrun.study.hyperparameter_diff import Hyperparameter, HyperparameterChange, Value, changes, hyperparameters
from speedrun.study.program_facts import Facts
from speedrun.study.program_source import Program

FORMULA = (
    "FLOPs a token = 6 N + 6 L T C, forward and backward: N weights that multiply the token (the head is one of them, "
    "a table that is looked up is not), L layers, C width; attention sees T/2 of T positions on average"
)


@dataclass(frozen=True)
class Sizes:
    """Of one program at its own defaults; None is not known."""

    facts: Facts | None
    why_unknown: str | None
    tokens_per_step: int | None
    steps: int | None
    flops_per_token: int | None

    @property
    def tokens(self) -> int | None:
        return _product(self.tokens_per_step, self.steps)

    @property
    def flops(self) -> int | None:
        return _product(self.flops_per_token, self.tokens)


@dataclass(frozen=True)
class Words:
    techniques: tuple[tuple[str, str], ...] | None  # ("added" or "removed", technique); None: not known of both
    hyperparameters: tuple[HyperparameterChange, ...] | None  # None: one has no class Hyperparameters to read
    before: Sizes
    after: Sizes


def compare(before: Program, after: Program, facts: Sequence[Facts | str], milestones: Sequence[Milestone]) -> Words:
    fields = [hyperparameters(program.main) for program in (before, after)]
    old, new = fields
    return Words(
        techniques=_techniques(before.milestone, after.milestone, milestones),
        hyperparameters=None if old is None or new is None else changes(old, new),
        before=sizes(old or {}, facts[0]),
        after=sizes(new or {}, facts[1]),
    )


def sizes(fields: Mapping[str, Hyperparameter], facts: Facts | str) -> Sizes:
    known = facts if isinstance(facts, Facts) else None

    def number(name: str) -> int | None:
        value: Value | None = fields[name].value if name in fields else None
        return value if type(value) is int else None

    layers, width, context = number("num_layers"), number("model_dim"), number("sequence_length")
    attention = _product(_product(layers, width), context)
    flops = None if known is None or attention is None else 6 * known.multiplying + 6 * attention
    return Sizes(
        facts=known,
        why_unknown=facts if isinstance(facts, str) else None,
        tokens_per_step=_product(number("batch_size"), context),
        steps=number("num_iterations"),
        flops_per_token=flops,
    )


def _product(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one * other


def _techniques(
    before: Milestone | None, after: Milestone | None, milestones: Sequence[Milestone]
) -> tuple[tuple[str, str], ...] | None:
    if before is None or after is None:
        return None
    old, new = _all_techniques(before, milestones), _all_techniques(after, milestones)
    added = [("added", name) for name in new if name not in old]
    return (*added, *(("removed", name) for name in old if name not in new))


def _all_techniques(milestone: Milestone, milestones: Sequence[Milestone]) -> list[str]:
    """Its own and those of all frozen before it; the live script comes after all."""
    earlier = [m for m in milestones if m.name != LIVE and (milestone.name == LIVE or m.name <= milestone.name)]
    return list(dict.fromkeys(name for m in [*earlier, milestone] for name in m.techniques))


def schedule_words(points: Sequence[tuple[int, float]]) -> str:
    """ "1 up to step 2,100, then down to 0 at step 3,000"."""
    runs: list[tuple[str, int, float]] = []  # way, until which step, at which value
    for (_, start), (step, value) in pairwise(points):
        way = "level" if abs(value - start) < 1e-9 else "up" if value > start else "down"
        if runs and runs[-1][0] == way:
            runs.pop()
        runs.append((way, step, value))
    if not runs:
        return ""
    first = f"{points[0][1]:.3g}"
    words = [f"{first} until step {runs[0][1]:,}" if runs[0][0] == "level" else f"from {first} {_way(runs[0])}"]
    words += [f"level until step {run[1]:,}" if run[0] == "level" else _way(run) for run in runs[1:]]
    return ", then ".join(words)


def _way(run: tuple[str, int, float]) -> str:
    way, step, value = run
    return f"{way} to {value:.3g} at step {step:,}"
