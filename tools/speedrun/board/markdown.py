"""leaderboard.md: the boards as Markdown between two markers; what stands outside them is kept.

The same boards give the same text, so that a test can tell whether the file is out of date. Names come from logs:
they are escaped, so that none makes a table row, a link or HTML.
"""

import re
from collections.abc import Sequence

from speedrun.board import figures, ladder_markdown
from speedrun.board.figures import Sheet
from speedrun.board.normalized import across
from speedrun.board.ranking import Board, Table
from speedrun.errors import UserError

BEGIN, END = "<!-- leaderboard:begin -->", "<!-- leaderboard:end -->"
LEFT = ("milestone", "idea", "track", "hardware")
MOST_ROWS, MOST_PROBLEMS = 15, 5  # of one table, of one track: the file stays short, the page shows all
NEW_FILE = f"""# Leaderboard

Times are means over seeds ± one standard deviation of single runs, on the training clock, to the first validation that
meets the target (on a track marked final, to the last). Only complete runs count, and a cohort has a time only if all
of its runs met the target; one that diverged did not. Times of different machines stand in different tables. Val loss
is in nats a token. Speedups are over the track's anchor on the same hardware, with a 95% confidence interval where
there are seeds enough; repeats of a seed count once in it.

Written by `speedrun leaderboard` from records/; do not edit between the markers.

{BEGIN}
{END}
"""


def escape(text: str) -> str:
    """The text itself in any Markdown, table cells and list items included: no markup, no HTML, no bare link."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)  # an underscore inside a word is no markup
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;")
    return re.sub(r"^([#+=-])", r"\\\1", text)  # would open a heading or a list


def render(boards: Sequence[Board]) -> str:
    if not boards:
        return "No tracks yet.\n"
    guide = [escape(ladder_markdown.HOW_TO_READ)] if ladder_markdown.any_ladder(boards) else []
    return "\n\n".join([*guide, *map(_section, boards)]) + "\n"


def splice(document: str, generated: str, name: str, begin_mark: str = BEGIN, end_mark: str = END) -> str:
    """The document with what is between its markers replaced. UserError when it does not have each of them once."""
    head, begin, rest = document.partition(begin_mark)
    _, end, tail = rest.partition(end_mark)
    if not begin or not end or begin_mark in rest or end_mark in head + tail:
        raise UserError(
            f"{name} does not hold {begin_mark} and then {end_mark} once each: put them back, or move the file away"
        )
    return f"{head}{begin_mark}\n\n{generated}\n{end_mark}{tail}"


def _section(board: Board) -> str:
    track = board.track
    parts = [f"## {escape(track.title)}", f"`{escape_code(track.name)}`: {escape(track.what)}"]
    parts.append(f"**Target:** {escape(figures.target_line(board))}")
    tables = [table for table in board.tables if table.entries]
    if not tables:
        parts.append("No ranked runs yet.")
    for table in tables:
        parts += _table(board, table)
    if board.problems:
        shown = list(board.problems[:MOST_PROBLEMS])
        if len(board.problems) > len(shown):
            shown.append(f"and {len(board.problems) - len(shown)} more")
        parts.append("\n".join(f"- {escape(problem)}" for problem in shown))
    climbed = [table for table in tables if ladder_markdown.has_steps(table)]
    if climbed:
        parts.append("### The ladder, step by step")
    for table in climbed:
        parts += _ladder(table)
    return "\n\n".join(parts + _across(board))


def escape_code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())


def _table(board: Board, table: Table) -> list[str]:
    parts = [f"**{escape(table.hardware)}**"]
    parts.append(sheet_text(figures.sheet(table, board.track.data.floor), MOST_ROWS))
    more = figures.further(table)
    if more:
        parts.append(sheet_text(more, MOST_ROWS))
    parts += [escape(remark) for remark in figures.remarks(board, table)]
    if len(table.entries) > MOST_ROWS:
        parts.append(f"{len(table.entries) - MOST_ROWS} more on the page.")
    return parts


def _ladder(table: Table) -> list[str]:
    where = f"**{escape(table.hardware)}**" + (f", validated on {escape(table.data)}" if table.data else "")
    sheets = [sheet_text(sheet) for sheet in ladder_markdown.sheets(table)]
    return [where, *sheets, *map(escape, ladder_markdown.remarks(table))]


def _across(board: Board) -> list[str]:
    parts = []
    for one in across(board):
        parts += [sheet_text(figures.across(one), MOST_ROWS)] if one.rows else []
        if len(one.rows) > MOST_ROWS:
            parts.append(f"{len(one.rows) - MOST_ROWS} more in the terminal.")
        parts += [escape(remark) for remark in figures.across_remarks(board, one)]
    return ["### Across machines: anchor-normalized time", *parts] if parts else []


def sheet_text(sheet: Sheet, most: int | None = None) -> str:
    """A Markdown table: words to the left, numbers to the right."""
    aligned = [":--" if heading in LEFT or "against" in heading else "--:" for heading in sheet.headings]
    rows = [[escape(cell.full) for cell in row] for row in sheet.rows[:most]]
    lines = [[escape(heading) for heading in sheet.headings], aligned, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
