"""The web page: one HTML file with plotly.js, styles, data and tables inside, so that it opens from disk, offline.

    write_text(Path("site/leaderboard.html"), render(boards))

The looks are in web/page.css, the charts in web/page.js, both embedded here. Names come from logs that anyone may have
written: in HTML and JSON they are escaped here, in chart text by page.js, and a content security policy admits no
script but the two of this page, by their sha256, and no request to any network.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from speedrun import figures
from speedrun.cohorts import Cohort, met_at
from speedrun.figures import Cell, Sheet
from speedrun.ranking import Board, Table

WEB = Path(__file__).parent / "web"
COLORS = 8  # --c0 to --c7 in page.css


def render(boards: Sequence[Board]) -> str:
    from plotly.offline import get_plotlyjs

    shown = [board for board in boards if board.tables or board.problems]
    waiting = [board for board in boards if board not in shown]
    scripts = [get_plotlyjs().replace("</script", "<\\/script"), (WEB / "page.js").read_text(encoding="utf-8")]
    parts = {
        "policy": _policy(scripts),
        "style": (WEB / "page.css").read_text(encoding="utf-8"),
        "summary": escape(_summary(shown)),
        "nav": "\n".join(f'<a href="#{_id(board)}">{escape(board.track.title)}</a>' for board in shown),
        "tracks": "\n".join(_section(board) for board in shown),
        "waiting": _waiting(waiting),
        "data": _json(_charts(shown)),
        "plotly": scripts[0],
        "script": scripts[1],
    }
    template = (WEB / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)  # one pass: no part is searched again


def _policy(scripts: Sequence[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"


def _summary(boards: Sequence[Board]) -> str:
    cohorts = [cohort for board in boards for table in board.tables for cohort in _cohorts(table)]
    runs = sum(len(cohort.runs) for cohort in cohorts)
    if not runs:
        return "No runs yet."
    tracks = sum(bool(board.tables) for board in boards)
    return f"{runs} run{'s' * (runs > 1)} on {tracks} track{'s' * (tracks > 1)}."


def _id(board: Board) -> str:
    return "track-" + re.sub(r"[^a-zA-Z0-9-]", "-", board.track.name)


def _waiting(boards: Sequence[Board]) -> str:
    if not boards:
        return ""
    names = ", ".join(escape(board.track.title) for board in boards)
    return f'<p class="waiting">No runs yet on: {names}.</p>'


def _section(board: Board) -> str:
    track = board.track
    tables = [_table(board, table, f"{_id(board)}-{number}") for number, table in enumerate(board.tables)]
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in board.problems)
    notes = f"<details><summary>Left out of the ranking ({len(board.problems)})</summary><ul>{problems}</ul></details>"
    return f"""<section id="{_id(board)}">
<h2>{escape(track.title)} <code>{escape(track.name)}</code></h2>
<p>{escape(track.what)}</p>
<p class="target">Target: {escape(figures.target_line(board))}</p>
{"".join(tables)}
{notes if board.problems else ""}
</section>"""


def _table(board: Board, table: Table, key: str) -> str:
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in figures.remarks(board, table))
    more = figures.further(table)
    colors = _colors(board)
    sheets = _sheet(figures.sheet(table, board.track.data.floor), colors)
    if more:
        sheets += _sheet(more, colors)
    return f"""<article>
<h3>{escape(table.hardware)}</h3>
<div class="bar"><div class="legend" data-chart="{key}"></div>
<div class="scale" data-chart="{key}" role="group" aria-label="Loss axis">
<button type="button" aria-pressed="true" data-scale="linear">linear</button>
<button type="button" aria-pressed="false" data-scale="log">log</button></div></div>
<div class="charts">
<figure><figcaption>Validation loss against training time</figcaption>
<div class="chart" data-chart="{key}" data-axis="time"></div></figure>
<figure><figcaption>Validation loss against tokens trained on</figcaption>
<div class="chart" data-chart="{key}" data-axis="tokens"></div></figure>
</div>
{sheets if table.entries else "<p>No complete run yet.</p>"}
<div class="remarks">{remarks if table.entries else ""}</div>
</article>"""


def _sheet(sheet: Sheet, colors: dict[str, int]) -> str:
    def cell(column: str, cell: Cell) -> str:
        known = "" if cell.order is None else f' data-order="{escape(str(cell.order))}"'
        if column != "milestone":
            return f"<td{known}>{escape(cell.text)}</td>"
        dot = f'<i class="dot c{colors[str(cell.order)] % COLORS}"></i>'
        note = f" <small>{escape(cell.note)}</small>" if cell.note else ""
        return f'<td class="name"{known}><span>{dot}{escape(cell.text)}</span>{note}</td>'

    head = "".join(
        f'<th{" class=name" if heading == "milestone" else ""}><button type="button">{escape(heading)}</button></th>'
        for heading in sheet.headings
    )
    rows = "".join(
        "<tr>" + "".join(cell(h, c) for h, c in zip(sheet.headings, row, strict=True)) + "</tr>\n" for row in sheet.rows
    )
    kind = "" if sheet.headings[0] == "#" else ' class="further"'
    return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'


def _cohorts(table: Table) -> list[Cohort]:
    return [entry.cohort for entry in table.entries] + list(table.others)


def _colors(board: Board) -> dict[str, int]:
    """One colour a milestone and note, the same in every table of a track; the anchor has the first."""
    anchor = board.track.anchor
    labels = {(e.cohort.milestone != anchor, e.label) for table in board.tables for e in table.entries}
    return {label: i for i, (_, label) in enumerate(sorted(labels))}


def _charts(boards: Sequence[Board]) -> dict[str, Any]:
    return {
        f"{_id(board)}-{number}": _chart(board, table) for board in boards for number, table in enumerate(board.tables)
    }


def _chart(board: Board, table: Table) -> dict[str, Any]:
    labels = [entry.label for entry in table.entries] + [f"{cohort.milestone} (not ranked)" for cohort in table.others]
    final = board.track.target.final
    main, colors = table.targets[0] if table.targets else None, _colors(board)
    return {
        "targets": [[target, figures.target_text(target)] for target in table.targets],
        "floor": board.track.data.floor,
        "lines": [
            {
                "name": label,
                "color": f"c{colors[label] % COLORS}" if number < len(table.entries) else "gray",
                "runs": _lines(cohort, main, final),
            }
            for number, (label, cohort) in enumerate(zip(labels, _cohorts(table), strict=True))
        ],
    }


def _lines(cohort: Cohort, target: float | None, final: bool) -> list[dict[str, Any]]:
    """One run each: val is [step, nats a token, seconds, tokens]; met is the step at which it met the target."""
    lines = []
    for run in cohort.runs:
        met = met_at(run, target, final) if run.complete and target is not None else None
        per_step = run.header.tokens_per_step
        lines.append(
            {
                "seed": run.header.seed,
                "state": run.state,
                "planned": run.planned_steps,
                "met": met.step if met else None,
                "val": [[step, loss, ms / 1000, step * per_step] for step, loss, ms in run.val],
            }
        )
    return lines


def _json(data: Any) -> str:
    """JSON that cannot end the script element that holds it."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
