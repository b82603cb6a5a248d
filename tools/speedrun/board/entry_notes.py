"""What a milestone's name does not say of its row: whose program it is, and how it differs from its namesakes."""

from collections.abc import Mapping, Sequence
from typing import Any

from speedrun.board.cohorts import Cohort
from speedrun.reading.logs import printable

CLOCK = ("compile", "precision")  # told first: they change the time more than the loss
DECIDED_AT_START = frozenset({"vocab_size", "precision", "device"})  # a flag may leave them to the machine or the data


def note(
    cohort: Cohort,
    namesakes: Sequence[Cohort],
    frozen: Mapping[str, str],
    revision: int | None,
    flags: Mapping[str, Any],
) -> str:
    """Empty where the name is enough: no namesake differs, or the others are those with flags of their own.

    `flags`: what milestone.toml states for this track.
    """
    notes = []
    same = [name for name, sha256 in frozen.items() if sha256 == cohort.code_sha256 and name != cohort.milestone]
    if same:
        notes.append(f"same program as {same[0]}")
    elif revision is not None:
        notes.append(f"revision {revision}")
    elif frozen.get(cohort.milestone, cohort.code_sha256) != cohort.code_sha256:
        notes.append(f"other program: {cohort.code_sha256[:8]}")
    elif cohort.milestone not in frozen and len({c.code_sha256 for c in namesakes}) > 1:
        notes.append(f"program {cohort.code_sha256[:8]}")
    alike = [c for c in namesakes if c.code_sha256 == cohort.code_sha256]  # another program tells enough by itself
    stated = [c for c in alike if flags and as_stated(c, flags)]
    if not notes and stated == [cohort]:
        return ""
    others = stated if len(stated) == 1 else alike  # what is told apart from the present flags is so from the rest too
    fields = [c.fields for c in others]
    own = cohort.fields
    order = [*CLOCK, *(name for name in cohort.runs[0].header.hyperparameters if name not in CLOCK)]  # as in the script
    names = [name for name in order if name in own and name != "num_iterations"]
    differing = [name for name in names if any(table.get(name) != own[name] for table in fields)]
    if len(differing) > 1:
        differing = [name for name in differing if name != "val_every"]  # no matter of training
    if differing:
        notes.append(listed([printable(f"{name}={own[name]}")[:40] for name in differing]))
    if any(c.planned_steps != cohort.planned_steps for c in others):
        notes.append(f"{cohort.planned_steps:,} steps")
    if len({c.train_sha256 for c in alike}) > 1:
        notes.append(f"trained on {','.join(cohort.train_sha256)[:8]}")
    return "; ".join(notes)


def listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def as_stated(cohort: Cohort, flags: Mapping[str, Any]) -> bool:
    """Whether its runs had these flags, but for what a flag leaves to the machine or the data."""
    own = cohort.fields | {"num_iterations": cohort.planned_steps}
    return all(own.get(name) == value for name, value in flags.items() if name not in DECIDED_AT_START)
