"""The web page of the ranking: one HTML file with charts, styles, data and tables inside; opens from disk, offline.

    write_text(Path("site/leaderboard.html"), render(boards))

Tables are HTML made here, charts are drawn by web/page.js and web/ladder.js from page_charts.py's data, and
page_shell.py puts the file together. Names come from logs that anyone may have written, and are escaped.
"""

import re
from collections.abc import Sequence
from html import escape

from speedrun.board import figures
from speedrun.board.figures import Cell, Sheet
from speedrun.board.normalized import across
from speedrun.board.page_charts import COLORS, chart, climbs, cohorts, colors
from speedrun.board.ranking import Board, Table
from speedrun.page_shell import document


def render(boards: Sequence[Board]) -> str:
    shown = [board for board in boards if board.tables or board.problems]
    waiting = [board for board in boards if board not in shown]
    parts = {
        "summary": escape(_summary(shown)),
        "nav": "\n".join(f'<a href="#{_id(board)}">{escape(board.track.title)}</a>' for board in shown),
        "tracks": "\n".join(_section(board) for board in shown),
        "waiting": _waiting(waiting),
    }
    charts = {_key(board, n): chart(board, table) for board in shown for n, table in enumerate(board.tables)}
    return document("page", ("ladder", "page"), charts, parts)


def _summary(boards: Sequence[Board]) -> str:
    runs = sum(len(cohort.runs) for board in boards for table in board.tables for cohort in cohorts(table))
    if not runs:
        return "No runs yet."
    tracks = sum(bool(board.tables) for board in boards)
    return f"{runs} run{'s' * (runs > 1)} on {tracks} track{'s' * (tracks > 1)}."


def _id(board: Board) -> str:
    return "track-" + re.sub(r"[^a-zA-Z0-9-]", "-", board.track.name)


def _key(board: Board, number: int) -> str:
    return f"{_id(board)}-{number}"


def _waiting(boards: Sequence[Board]) -> str:
    if not boards:
        return ""
    names = ", ".join(escape(board.track.title) for board in boards)
    return f'<p class="waiting">No runs yet on: {names}.</p>'


def _section(board: Board) -> str:
    track = board.track
    tables = [_table(board, table, _key(board, number)) for number, table in enumerate(board.tables)]
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in board.problems)
    notes = f"<details><summary>Left out of the ranking ({len(board.problems)})</summary><ul>{problems}</ul></details>"
    return f"""<section id="{_id(board)}">
<h2>{escape(track.title)} <code>{escape(track.name)}</code></h2>
<p>{escape(track.what)}</p>
<p class="target">Target: {escape(figures.target_line(board))}</p>
{"".join(tables)}
{_across(board)}
{notes if board.problems else ""}
</section>"""


def _table(board: Board, table: Table, key: str) -> str:
    remarks = "".join(f"<p>{escape(remark)}</p>" for remark in figures.remarks(board, table))
    more = figures.further(table)
    dots = colors(board)
    sheets = _sheet(figures.sheet(table, board.track.data.floor), dots)
    if more:
        sheets += _sheet(more, dots)
    return f"""<article class="card">
<h3>{escape(table.hardware)}</h3>
<div class="bar"><div class="legend" data-chart="{key}"></div>
<div class="choices">
{_choice(key, "against", "Second chart", ("tokens", "steps"))}
{_choice(key, "scale", "Loss axis", ("linear", "log"))}
</div></div>
<div class="charts">
<figure><figcaption>Validation loss against training time</figcaption>
<div class="chart curves" data-chart="{key}" data-axis="time"></div></figure>
<figure><figcaption>Validation loss against <span class="against" data-chart="{key}">tokens</span></figcaption>
<div class="chart curves" data-chart="{key}" data-axis="against"></div></figure>
</div>
{_ladder(table, key)}
{sheets if table.entries else "<p>No complete run yet.</p>"}
<div class="remarks">{remarks if table.entries else ""}</div>
</article>"""


def _across(board: Board) -> str:
    """Times over the anchor's, where two hardware classes have run the track on the same data."""
    parts = []
    for one in across(board):
        parts += [_sheet(figures.across(one), colors(board))] if one.rows else []
        remarks = "".join(f"<p>{escape(remark)}</p>" for remark in figures.across_remarks(board, one))
        parts.append(f'<div class="remarks">{remarks}</div>')
    if not parts:
        return ""
    return f'<article class="card across"><h3>Across machines: anchor-normalized time</h3>{"".join(parts)}</article>'


def _choice(key: str, sets: str, label: str, values: Sequence[str]) -> str:
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(not i).lower()}" data-value="{value}">{value}</button>'
        for i, value in enumerate(values)
    )
    return (
        f'<div class="choice" data-chart="{key}" data-sets="{sets}" role="group" aria-label="{label}">{buttons}</div>'
    )


def _ladder(table: Table, key: str) -> str:
    """Where its chart goes, with a button for each target that two milestones met."""
    met = climbs(table)
    if not met:
        return ""
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(not i).lower()}" data-value="{i}">'
        f"{figures.target_text(climb.target)}</button>"
        for i, climb in enumerate(met)
    )
    targets = f'<div class="choice" role="group" aria-label="Target">{buttons}</div>' if len(met) > 1 else ""
    return f"""<div class="ladder" data-chart="{key}">
<figure><div class="bar"><figcaption>The ladder: time to target, milestone by milestone, and speedup over the anchor
</figcaption>{targets}</div>
<div class="chart"></div></figure></div>"""


def _sheet(sheet: Sheet, dots: dict[str, int]) -> str:
    def cell(column: str, cell: Cell) -> str:
        known = "" if cell.order is None else f' data-order="{escape(str(cell.order))}"'
        note = f" <small>{escape(cell.note)}</small>" if cell.note else ""
        if column != "milestone":
            return f"<td{kind(column)}{known}>{escape(cell.text)}{note}</td>"
        dot = f'<i class="dot c{dots[str(cell.order)] % COLORS}"></i>'
        return f'<td class="name"{known}><span>{dot}{escape(cell.text)}</span>{note}</td>'

    def kind(column: str) -> str:
        return {"milestone": ' class="name"', "hardware": ' class="words"'}.get(column, "")

    head = "".join(
        f'<th scope="col"{kind(heading)}><button type="button">{escape(heading)}</button></th>'
        for heading in sheet.headings
    )
    rows = "".join(
        "<tr>" + "".join(cell(h, c) for h, c in zip(sheet.headings, row, strict=True)) + "</tr>\n" for row in sheet.rows
    )
    further = "" if sheet.headings[0] == "#" else ' class="further"'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Ranking"><table{further}>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )
