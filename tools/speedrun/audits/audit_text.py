"""An audit in the terminal: a table a track with a summary, or one row with all that its verdict rests on.

    show_tables(console, rows)
    show_row(console, row)

Text out of an archive is never taken for markup. Figures of one row are printed with the digits that let a pocket
calculator arrive at the same t. The words of the verdicts are audit.py's.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from speedrun.audits.audit import ALPHA, TIME_TOLERANCE, hardware, time_off, track_3_value
from speedrun.audits.claims import Claim, Evidence, Row, Verdict
from speedrun.board.figures import NONE
from speedrun.board.terminal import print_whole
from speedrun.inference import TRACK_3_MARGIN

STYLES = {
    Verdict.SUPPORTED: "green",
    Verdict.UNSUPPORTED: "yellow",
    Verdict.CONTRADICTED: "red",
    Verdict.NO_EVIDENCE: "dim",
}


def show_tables(console: Console, rows: Sequence[Row]) -> None:
    for track in sorted({row.claim.track for row in rows}):
        own = [row for row in rows if row.claim.track == track]
        console.print(Text(f"Track {track}: mean val loss at most {own[0].target}", style="bold"))
        print_whole(console, _grid(own))
        for line in summary(own):
            console.print(Text(line))
        console.print(Text("a whole reason, and all that it rests on: --record N", style="dim"))
        console.print()


def summary(rows: Sequence[Row]) -> list[str]:
    """Counts over the rows of one track."""
    verdicts = Counter(row.verdict for row in rows)
    lines = [f"{len(rows)} rows: " + ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict)]
    tested = [row.evidence.p for row in rows if row.evidence and row.evidence.p is not None]
    lines.append(f"loss: {sum(p < ALPHA for p in tested)} reach p < {ALPHA}, of {len(tested)} with two runs or more")
    off = [ratio for row in rows if (ratio := time_off(row)) is not None]
    if off:
        beyond = sum(abs(ratio) > TIME_TOLERANCE for ratio in off)
        lines.append(
            f"time: {beyond} off by more than {TIME_TOLERANCE:.0%}, of {len(off)} timed on the claimed hardware"
        )
    return lines


def claimed(claim: Claim) -> str:
    return f"{claim.steps} steps" if claim.minutes is None else f"{claim.minutes:g} min"


def show_row(console: Console, row: Row) -> None:
    folder = record_folder(row)
    for line in (*row_lines(row), f"Verdict: {row.verdict}", *(f"  {reason}" for reason in row.reasons)):
        shown = Text(line.replace(f"{folder}/", "") if folder else line)
        if line.startswith("Verdict:"):
            shown.stylize(f"bold {STYLES[row.verdict]}")
        console.print(shown, soft_wrap=True)  # a path or a reason stays on one line, to be copied


def record_folder(row: Row) -> str:
    """records/TRACK/NAME, or records/TRACK/results on track 3: what all paths of a row begin with."""
    return "/".join((row.link.path or "").split("/")[:3])


def row_lines(row: Row) -> Iterator[str]:
    """What the verdict rests on, but the verdict itself."""
    claim, link, evidence = row.claim, row.link, row.evidence
    on = f" on {claim.gpu_count}x{claim.hardware}" if claim.hardware else ""
    yield f"Track {claim.track}, record {claim.record}: {claimed(claim)}{on}, {claim.date or 'no date'}"
    yield f"  {claim.description}"
    yield f"  contributors: {claim.contributors or NONE}"
    yield f"  claimed in {claim.readme}, line {claim.line}"
    if link.path:
        yield f"Folder: {record_folder(row)}"
    yield f"Link: {link.state}{f', {link.path}' if link.path else ''}"
    if row.log:
        which = "a log" if row.log.path == link.path else f"its logs begin with {row.log.path}"
        yield f"  {which}, of {hardware(row.log.gpu, row.log.gpu_count)}"
    if evidence is None:
        return
    step = f"at step {claim.steps}" if claim.steps else "at the last step"
    yield f"Runs that count: {evidence.n} ({evidence.column} {step}; minutes on the training clock there)"
    for run in evidence.runs:
        minutes = NONE if run.ms is None else f"{run.ms / 60_000:.4f}"
        index = f" (run {run.index + 1} of the file)" if run.index else ""
        yield f"  {run.loss:.6f}  {minutes:>9}  {run.path}{index}"
    yield f"Left out: {'nothing' if not evidence.left_out else ''}".rstrip()
    yield from (f"  {line}" for line in evidence.left_out)
    yield from _loss_lines(row, evidence)
    yield from _time_lines(row, evidence)


def _loss_lines(row: Row, evidence: Evidence) -> Iterator[str]:
    mean, std, n, p = evidence.mean, evidence.std, evidence.n, evidence.p
    if mean is None:
        return
    yield f"Loss: target {row.target}"
    yield f"  mean = {mean:.7f}, n = {n}"
    if std and p is not None:
        yield f"  std = {std:.7f} (of a sample: divided by n - 1)"
        t = (row.target - mean) / (std / math.sqrt(n))
        numbers = f"({row.target} - {mean:.7f}) / ({std:.7f} / sqrt({n}))"
        yield f"  t = (target - mean) / (std / sqrt(n)) = {numbers} = {t:.4f}"
        yield f"  p = {p:.3g} (one-sided, degrees of freedom: {n - 1}); p < {ALPHA} shows a mean below the target"
        yield _power_line(evidence)
    else:
        yield "  no t-test: it takes two or more runs that differ"
    if row.claim.track == 3:
        value = track_3_value(evidence, row.target)
        yield f"  the track's rule: (target - mean) * sqrt(n) = {value:.5f}; {TRACK_3_MARGIN} or more is needed"
    if row.exempt:
        yield f"  exempt from statistics: {row.exempt}"


def _power_line(evidence: Evidence) -> str:
    line = f"  were mean and std the truth, {evidence.n} runs would pass with a chance of {evidence.power or 0:.0%}"
    if evidence.runs_needed is None:
        return f"{line}; no number of runs would do"
    return line if evidence.runs_needed <= evidence.n else f"{line}; {evidence.runs_needed} with 80%"


def _time_lines(row: Row, evidence: Evidence) -> Iterator[str]:
    minutes, mean = row.claim.minutes, evidence.mean_minutes
    if minutes is None:
        return
    yield f"Time: {minutes:g} min claimed"
    if mean is None:
        yield "  the logs hold no clock"
        return
    std = "" if evidence.std_minutes is None else f", std = {evidence.std_minutes:.4f}"
    other = "" if time_off(row) is not None else "; other hardware than claimed: says nothing"
    yield f"  mean = {mean:.4f} min{std}; mean / claim - 1 = {mean / minutes - 1:+.2%}{other}"


def _grid(rows: Sequence[Row]) -> Table:
    """A line a row: a terminal cuts a reason short where there is no room, and --record has it whole."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading in ("#", "claim", "n", "mean", "p", "time", "off"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("because", min_width=15)
    for row in rows:
        because = Text(row.reasons[0], no_wrap=True, overflow="ellipsis")
        table.add_row(*map(Text, _figures(row)), Text(row.verdict, style=STYLES[row.verdict]), because)
    return table


def _figures(row: Row) -> tuple[str, ...]:
    evidence, off = row.evidence, time_off(row)
    if evidence is None:
        return (str(row.claim.record), claimed(row.claim), NONE, NONE, NONE, NONE, NONE)
    return (
        str(row.claim.record),
        claimed(row.claim),
        str(evidence.n),
        NONE if evidence.mean is None else f"{evidence.mean:.5f}",
        NONE if evidence.p is None else f"{evidence.p:.2g}",
        NONE if evidence.mean_minutes is None or row.claim.minutes is None else f"{evidence.mean_minutes:.3f}",
        NONE if off is None else f"{off:+.1%}",
    )
