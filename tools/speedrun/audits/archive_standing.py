"""Where each track of an archive stands: the record then and now, and how its rows fare against their logs.

    for track in standings(rows):
        print(sentence(track), verdict_line(track.verdicts))

Every figure is computed from the rows. Text in here may come from tables that anyone wrote: escape it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from speedrun.audits.claims import Claim, Row, Verdict

NAMES = {1: "short", 2: "medium", 3: "optimization"}  # of the archive's folders


@dataclass(frozen=True)
class Standing:
    track: int
    unit: str  # what the track claims: "minutes" or "steps"
    first: Row | None  # of its rows in the table's order, the first with a figure
    best: Row | None  # the lowest figure: the present record
    rows: int
    verdicts: dict[Verdict, int]  # all four, in their order

    @property
    def ratio(self) -> float | None:
        """How many times less the best is than the first."""
        if self.first is None or self.best is None:
            return None
        before, now = figure(self.first.claim), figure(self.best.claim)
        return before / now if before and now else None


def standings(rows: Sequence[Row]) -> tuple[Standing, ...]:
    tracks = sorted({row.claim.track for row in rows})
    return tuple(_standing(track, [row for row in rows if row.claim.track == track]) for track in tracks)


def _standing(track: int, rows: Sequence[Row]) -> Standing:
    known = [row for row in rows if figure(row.claim) is not None]
    counts = Counter(row.verdict for row in rows)
    return Standing(
        track=track,
        unit="minutes" if any(row.claim.minutes is not None for row in rows) else "steps",
        first=known[0] if known else None,
        best=min(known, key=lambda row: figure(row.claim) or math.inf, default=None),
        rows=len(rows),
        verdicts={verdict: counts[verdict] for verdict in Verdict},
    )


def figure(claim: Claim) -> float | None:
    """What the row claims: minutes, on a track of steps the steps."""
    return claim.minutes if claim.minutes is not None else claim.steps


def number(value: float) -> str:
    """ "1.243", "45", "3,600": at most three decimals."""
    text = f"{value:,.3f}"
    return text.rstrip("0").rstrip(".")


def title(track: int) -> str:
    return f"Track {track}" + (f" ({NAMES[track]})" if track in NAMES else "")


def day(iso: str | None) -> str:
    """ "28 May 2024"; a date that is none stays as it is."""
    try:
        found = date.fromisoformat((iso or "")[:10])
    except ValueError:
        return iso or "no date"
    return f"{found.day} {found:%B} {found.year}"


def sentence(standing: Standing) -> str:
    """The record then and now."""
    first, best, ratio = standing.first, standing.best, standing.ratio
    if first is None or best is None or ratio is None:
        return f"{title(standing.track)}: no row states {standing.unit}."
    then, now = (f"{_counted(standing, row)}{_on(row)}" for row in (first, best))
    if best is first:
        return f"{title(standing.track)}: {now}, still its first record."
    less = "faster" if standing.unit == "minutes" else "fewer"
    return f"{title(standing.track)}: from {then} to {now}, {ratio:.3g} times {less}."


def _counted(standing: Standing, row: Row) -> str:
    return f"{number(figure(row.claim) or 0)} {standing.unit}"


def _on(row: Row) -> str:
    return f" on {day(row.claim.date)}" if row.claim.date else ""


def verdict_line(verdicts: Mapping[Verdict, int]) -> str:
    """ "49 supported, 21 unsupported, 4 contradicted, 15 without evidence"."""
    words = {Verdict.NO_EVIDENCE: "without evidence"}
    return ", ".join(f"{count} {words.get(verdict, verdict)}" for verdict, count in verdicts.items())


def document(standing: Standing) -> dict[str, Any]:
    """For JSON."""

    def record(row: Row | None) -> dict[str, Any] | None:
        if row is None:
            return None
        claim = row.claim
        return {"record": claim.record, "value": figure(claim), "date": claim.date, "description": claim.description}

    return {
        "track": standing.track,
        "unit": standing.unit,
        "first": record(standing.first),
        "best": record(standing.best),
        "ratio": standing.ratio,
        "rows": standing.rows,
        "verdicts": {str(verdict): count for verdict, count in standing.verdicts.items()},
    }
