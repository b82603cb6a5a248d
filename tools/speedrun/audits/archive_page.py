"""The web page of an archive: the progress of its records, their loss curves, and every row with its evidence.

    write_text(Path("site/archive.html"), render(audit(archive, tables.claims), problems, runs_read=1738))

The headline is HTML made here; charts and table are made in the browser by web/progress.js, curves.js, rows.js and
archive.js from the JSON of archive_data.py. page_shell.py puts the file together. Nothing is judged here.
"""

from collections.abc import Sequence
from html import escape

from speedrun.audits import archive_data, archive_standing
from speedrun.audits.archive_standing import Standing
from speedrun.audits.claims import Row, Verdict
from speedrun.page_shell import document

SCRIPTS = ("progress", "labels", "curves", "rows", "archive")


def render(rows: Sequence[Row], problems: Sequence[str], runs_read: int) -> str:
    tracks = archive_standing.standings(rows)
    parts = {
        "summary": escape(_summary(rows, runs_read)),
        "standings": "\n".join(_card(track) for track in tracks),
        "tracks": "".join(_track_button(track, pressed=not i) for i, track in enumerate(tracks)),
        "verdicts": "".join(f'<option value="{verdict}">{verdict}</option>' for verdict in Verdict),
        "problems": _problems(problems),
    }
    return document("archive", SCRIPTS, archive_data.page(rows), parts)


def _summary(rows: Sequence[Row], runs_read: int) -> str:
    used = len({(run.path, run.index) for row in rows if row.evidence for run in row.evidence.runs})
    count = len(rows)
    return f"{count:,} row{'s' * (count != 1)} and {runs_read:,} runs read, of which {used:,} are evidence for a row."


def _card(track: Standing) -> str:
    name = archive_standing.NAMES.get(track.track, "")
    counts = [(str(verdict).replace(" ", "-"), count) for verdict, count in track.verdicts.items()]
    shares = "".join(f'<i class="{key}" style="flex-grow:{count}"></i>' for key, count in counts if count)
    line = escape(archive_standing.verdict_line(track.verdicts))
    listed = "".join(
        f'<li><svg class="mark {key}" aria-hidden="true"><use href="#mark-{key}"/></svg>{escape(words)}</li>'
        for (key, _), words in zip(counts, archive_standing.verdict_line(track.verdicts).split(", "), strict=True)
    )
    said = archive_standing.sentence(track).partition(": ")[2]
    return f"""<article class="card standing">
<h2>Track {track.track} <span>{escape(name)}</span></h2>
<p class="now"><b>{escape(_now(track))}</b> {escape(track.unit)}</p>
<p class="said">{escape(said[:1].upper() + said[1:])}</p>
<div class="shares" role="img" aria-label="{line}">{shares}</div>
<ul class="counts">{listed}</ul>
</article>"""


def _now(track: Standing) -> str:
    value = archive_standing.figure(track.best.claim) if track.best else None
    return "–" if value is None else archive_standing.number(value)


def _track_button(track: Standing, pressed: bool) -> str:
    name = archive_standing.NAMES.get(track.track)
    title = f"Track {track.track}" + (f"<span> ({escape(name)})</span>" if name else "")
    return f'<button type="button" aria-pressed="{str(pressed).lower()}" data-value="{track.track}">{title}</button>'


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    listed = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return f"<details><summary>What could not be read ({len(problems)})</summary><ul>{listed}</ul></details>"
