"""Part 4 of the page: what was published, what was measured, and the loss curves of both programs.

    worth_html(diff)

All text is escaped here. The words are worth_wording.py's, the curves loss_chart.py's.
"""

from speedrun.board.loss_chart import Line, svg
from speedrun.board.ranking import Entry
from speedrun.study import worth_wording
from speedrun.study.diff_page_lines import safe
from speedrun.study.diff_wording import visible
from speedrun.study.milestone_diff import Diff
from speedrun.study.worth import Measured, curve


def worth_html(diff: Diff) -> str:
    parts = []
    published = worth_wording.published_rows(diff.worth)
    if published:
        rows = "".join(_row(row.what, row.before, row.after, row.note) for row in published)
        parts.append("<h3>Published, on 8 × H100</h3>" + _table(rows))
    parts.append("<h3>Measured here</h3>")
    said = worth_wording.no_runs(diff)
    if said:
        parts.append(f"<p>{safe(said)}</p>")
    parts += [_measured(one) for one in diff.worth.both]
    parts += [f'<p class="note">{safe(line)}</p>' for line in worth_wording.alone(diff.worth.measured, diff)]
    return "\n".join(parts)


def _table(rows: str, columns: str = "<th></th>") -> str:
    head = f"<thead><tr><th></th><th>before</th><th>after</th>{columns}</tr></thead>"
    return f'<div class="scroll"><table class="compared">{head}<tbody>{rows}</tbody></table></div>'


def _row(what: str, before: str, after: str, *more: str) -> str:
    cells = "".join(f'<td class="note">{safe(cell)}</td>' for cell in more)
    return (
        f'<tr><th class="name">{safe(what)}</th>'
        f'<td class="old">{safe(before)}</td><td class="new">{safe(after)}</td>{cells}</tr>'
    )


def _measured(one: Measured) -> str:
    found = worth_wording.verdicts(one)
    rows = "".join(_row(v.what, v.before, v.after, v.gain, f"{'✓ ' if v.shown else ''}{v.words}") for v in found)
    data = f", validated on {one.data}" if one.data else ""
    charts = "".join(f"<figure>{chart}</figure>" for chart in _charts(one) if chart)
    return (
        f"<article><h4>{safe(one.track.title)} <code>{safe(one.track.name)}</code></h4>"
        f'<p class="note">{safe(one.hardware + data)}; {safe(worth_wording.numbers(one))}</p>'
        f'{_table(rows, "<th>before / after</th><th></th>")}<div class="charts">{charts}</div></article>'
    )


def _charts(one: Measured) -> list[str]:
    """Against time and against tokens; the target is the track's main one."""
    lines = [_line(entry, kind) for entry, kind in ((one.before, "before"), (one.after, "after")) if entry]
    target = one.rungs[0].reach.target if one.rungs else None
    return [svg(one.track.title, axis, lines, target) for axis in ("seconds", "tokens")]


def _line(entry: Entry, kind: str) -> Line:
    return Line(f"{visible(entry.cohort.milestone)}, n = {entry.loss.n}", kind, curve(entry.cohort))
