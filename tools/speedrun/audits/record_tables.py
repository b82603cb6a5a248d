"""The record tables of an archive: README.md and records/*/README.md become claims; what cannot be read is named.

    claims, problems = read_tables(Path("modded-nanogpt"))
    print(claims[0].record, claims[0].minutes, claims[0].log)

A record table is one with a column "#" and either "Record time" (minutes are claimed) or "Steps to ..." (steps are).
Its track is the number in its README's folder, in the nearest heading, or in its links ("records/track_2_medium/..."),
in that order; else 1. Not here: whether a link leads anywhere (evidence.py), and what its logs say (audit.py).
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from speedrun.audits.claims import Claim
from speedrun.reading.logs import printable

MAX_BYTES = 4 << 20  # of one README
MAX_LINE = 5_000  # characters of a row; Markdown that means harm takes time by the square of its length
RULE = re.compile(r"\|?(\s*:?-+:?\s*\|)+(\s*:?-+:?\s*)?")  # the line below a table's headings
PIPE = re.compile(r"(?<!\\)\|")
TRACK = re.compile(r"track[ _](\d)", re.IGNORECASE)
TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(hour|minute|min|second)s?\b\D*", re.IGNORECASE)  # no second figure
STEPS = re.compile(r"(\d{1,9})\s*(?:\(!\))?\W*")  # (!): a record of its day
PULL = re.compile(r"PR(\s*#?\d+)?", re.IGNORECASE)
ASIDE = re.compile(r"<!--|^```", re.MULTILINE)  # a table in there is none
ENDS = {"<!--": re.compile("-->"), "```": re.compile("^```", re.MULTILINE)}  # of what begins so
HEADING = re.compile(r"#{1,6}\s[^|]*")
STATED = re.compile(r"(\d\.\d{1,8})\s*\(n\s*=\s*(\d{1,6})\)")  # "3.2777 (n=1)"
HARDWARE = re.compile(r"\b(\d{1,4})\s?[x×]\s?([A-Z]{1,2}\d{2,4})\b")  # "8xH200"
LINK = re.compile(r"\]\(((?:[^()<>\n]|\([^()<>\n]*\))*)\)")
TITLED = re.compile(r"""\s(?:"[^"]*"|'[^']*')\s*$""")  # [text](path "title")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#")
IN_MINUTES = {"hour": 60.0, "minute": 1.0, "min": 1.0, "second": 1 / 60}
NAMED = 5  # rows named one by one
NOTHING = {"", "-", "–", "—", "none", "n/a"}
# The archive's README states that tracks 1 and 2 are timed on 8xH100 unless a row says otherwise; track 3 counts steps.
TIMED_ON = ("H100", 8)


class Tables(NamedTuple):
    claims: tuple[Claim, ...]
    problems: tuple[str, ...]  # a line each: "README.md:31: ..."

    def problems_of(self, claims: Sequence[Claim]) -> tuple[str, ...]:
        """The problems where only these rows are shown: without the numbers that repeat among the others."""
        elsewhere = set(_repeated(self.claims)) - set(_repeated(claims))
        return tuple(problem for problem in self.problems if problem not in elsewhere)


class Cells(NamedTuple):
    """One line of a table by column; `line` counts from 1."""

    readme: str
    line: int
    track: int
    of: dict[str, str]  # {"description": "as written, in Markdown"}


def read_tables(top: Path) -> Tables:
    claims: list[Claim] = []
    problems: list[str] = []
    for readme in _readmes(top):
        for cells in _rows(readme, _text(top / readme, readme, problems), problems):
            try:
                claims.append(_claim(cells, problems))
            except ValueError as error:
                problems.append(f"{cells.readme}:{cells.line}: {error}: row not read")
    return Tables(tuple(claims), tuple([*problems, *_repeated(claims)]))


def plain(markdown: str) -> str:
    """The words of a cell: of a link its text, without its address."""
    return printable("".join(_words(token) for token in _inline(markdown)))


def log_link(cell: str) -> str | None:
    """The first link of a log cell that is neither a pull request nor an address on the web."""
    href, text = "", ""
    for token in _inline(cell):
        if token.type == "link_open":
            href, text = str(token.attrs["href"]), ""
        elif token.type == "link_close":
            if not PULL.fullmatch(text.strip()) and not URL.match(href):
                return printable(href)
        else:
            text += _words(token)
    return None


def _readmes(top: Path) -> list[str]:
    """Paths relative to `top`, never through a link that leads out of it."""
    found = [top / "README.md", *sorted(top.glob("records/*/README.md"))]
    inside = os.path.realpath(top) + os.sep
    return [p.relative_to(top).as_posix() for p in found if p.is_file() and os.path.realpath(p).startswith(inside)]


def _text(path: Path, readme: str, problems: list[str]) -> str:
    try:
        if path.stat().st_size <= MAX_BYTES:
            text = path.read_bytes().decode("utf-8-sig", errors="replace")
            problems += [f"{printable(readme)}: holds bytes that are not UTF-8"] if "\ufffd" in text else []
            return text
        problems.append(f"{printable(readme)}: more than {MAX_BYTES:,} bytes: not read")
    except OSError as error:
        problems.append(f"{printable(readme)}: {error.strerror or error}")
    return ""


def _rows(readme: str, text: str, problems: list[str]) -> Iterator[Cells]:
    """The rows of every record table; a table ends at an empty line."""
    lines, heading, columns, track = _without_asides(text).splitlines(), "", None, 1
    for i, line in enumerate(lines):
        if len(line) <= MAX_LINE and HEADING.fullmatch(line):
            heading = line
        if len(line) > MAX_LINE:
            if columns or "|" in line[:MAX_LINE]:
                problems.append(f"{printable(readme)}:{i + 1}: more than {MAX_LINE:,} characters: not read")
        elif not line.strip():
            columns = None
        elif columns is None and i + 1 < len(lines) and "|" in line and RULE.fullmatch(lines[i + 1].strip()):
            columns = _columns(line)
            below = takewhile(str.strip, (lines[j] for j in range(i, len(lines))))  # islice would count from the top
            track = _track(readme, heading, below) if columns else track
        elif columns and not RULE.fullmatch(line.strip()):
            values = _split(line)
            if len(values) > len(columns):
                what = f"{len(values)} cells in a table of {len(columns)} (a | inside a cell is written \\|)"
                problems.append(f"{printable(readme)}:{i + 1}: {what}: row not read")
            else:
                values += [""] * (len(columns) - len(values))
                yield Cells(printable(readme), i + 1, track, dict(zip(columns, values, strict=True)))


def _without_asides(text: str) -> str:
    """With empty lines for comments and code between fences. What is opened and never ends is text."""
    kept, done, at, endless = [], 0, 0, set()  # where one opener has no end, no later one of its kind has
    while opener := ASIDE.search(text, at):
        end = None if opener[0] in endless else ENDS[opener[0]].search(text, opener.end())
        if end is None:
            endless.add(opener[0])
            at = opener.end()
        else:
            kept += [text[done : opener.start()], "\n" * text.count("\n", opener.start(), end.end())]
            done = at = end.end()
    return "".join([*kept, text[done:]])


def _columns(line: str) -> list[str] | None:
    """The names of a record table's columns; None for any other table."""
    names = [plain(cell).lower() for cell in _split(line)]
    names = ["steps" if name.startswith("steps to") else name for name in names]
    return names if "#" in names and ("record time" in names or "steps" in names) else None


def _track(readme: str, heading: str, lines: Iterable[str]) -> int:
    links = next((m[0] for line in lines if (m := re.search(r"records/track_\d", line))), "")
    found = (TRACK.search(place) for place in (os.path.dirname(readme), heading, links))
    return next((int(match[1]) for match in found if match), 1)


def _split(line: str) -> list[str]:
    """A row's cells; it may begin and end with a | or not."""
    line = line.strip()
    cells = PIPE.split(line.removeprefix("|"))
    if len(cells) > 1 and not cells[-1].strip():
        cells.pop()
    return [cell.strip().replace("\\|", "|") for cell in cells]


def _claim(cells: Cells, problems: list[str]) -> Claim:
    """Raises ValueError, in words, for a row without a record number or a figure that it claims."""
    where, of = f"{cells.readme}:{cells.line}", cells.of
    record = _record(of["#"])
    description, contributors, date = (plain(of.get(name, "")) for name in ("description", "contributors", "date"))
    minutes, steps = _figure(of)
    day = _date(date)
    if day is None and date.lower() not in NOTHING:
        problems.append(f"{where}: {date[:40]!r} is no date that is understood: read as unknown")
    log = log_link(of.get("log", ""))
    words = plain(of.get("log", "")).strip()
    if log is None and words.lower() not in NOTHING and "](" not in of.get("log", ""):
        problems.append(f"{where}: its log cell, {words[:40]!r}, holds no link: read as none")
    named = HARDWARE.search(f"{of.get('record time', '')} {description}") if minutes is not None else None
    gpu, count = (named[2], int(named[1])) if named else TIMED_ON if minutes is not None else (None, None)
    stated = STATED.search(of.get("evidence", ""))
    return Claim(
        track=cells.track,
        record=record,
        minutes=minutes,
        steps=steps,
        date=day,
        description=description,
        contributors=contributors,
        hardware=gpu,
        gpu_count=count,
        log=log,
        mean=float(stated[1]) if stated else None,
        n=int(stated[2]) if stated else None,
        readme=cells.readme,
        line=cells.line,
    )


def _record(cell: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text := plain(cell), re.ASCII):
        raise ValueError(f"{text[:40]!r} is no record number")
    return int(text)


def _figure(of: dict[str, str]) -> tuple[float | None, int | None]:
    """Minutes or steps, whichever the table claims."""
    if "steps" in of:
        if not (match := STEPS.fullmatch(text := plain(of["steps"]).replace(",", ""))) or int(match[1]) == 0:
            raise ValueError(f"{text[:40]!r} is no number of steps")
        return None, int(match[1])
    if not (match := TIME.fullmatch(text := plain(of["record time"]))) or float(match[1]) == 0:
        raise ValueError(f"{text[:40]!r} is no time in hours, minutes or seconds")
    return float(match[1]) * IN_MINUTES[match[2].lower()], None


def _date(text: str) -> str | None:
    for form in ("%m/%d/%y", "%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date().isoformat()
        except ValueError:
            continue
    return None


def _repeated(claims: Sequence[Claim]) -> list[str]:
    rows: dict[tuple[int, int], list[Claim]] = {}
    for claim in claims:
        rows.setdefault((claim.track, claim.record), []).append(claim)
    return [
        f"track {track} has {len(same)} rows for record {record} "
        f"({', '.join(f'{claim.readme}:{claim.line}' for claim in same[:NAMED])}): each is judged by itself"
        for (track, record), same in rows.items()
        if len(same) > 1
    ]


def _inline(markdown: str) -> list[Any]:
    return _markdown().parseInline(LINK.sub(_bracketed, markdown))[0].children or []


def _bracketed(link: re.Match[str]) -> str:
    """A path with blanks, which Markdown takes for a link only between < and >."""
    path = link[1].strip()
    return f"](<{path}>)" if " " in path and not TITLED.search(path) else link[0]


def _words(token: Any) -> str:
    return " " if token.type in ("softbreak", "hardbreak") else token.content


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt

    class AsWritten(MarkdownIt):
        def normalizeLink(self, url: str) -> str:  # a path stays as it is written: no percent signs added
            return url

    return AsWritten("js-default")  # HTML stays text
