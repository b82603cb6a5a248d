"""A diff as one HTML file that opens offline: no script but its own, no request to any network.

    write_text(Path("site/03_04.html"), render(diff))

Programs and names come from anywhere: all text is escaped here, characters that hide or reorder are spelled out, and
a content security policy admits no script but the one of this page, by its sha256.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from speedrun.study import diff_wording as wording
from speedrun.study.diff_page_lines import counts, lines_html, safe
from speedrun.study.diff_page_worth import worth_html
from speedrun.study.diff_wording import Compared
from speedrun.study.hyperparameter_diff import HyperparameterChange
from speedrun.study.milestone_diff import PARTS, Diff
from speedrun.study.structure_diff import Pair
from speedrun.study.word_diff import FORMULA, Sizes

WEB = Path(__file__).parents[1] / "web"
SIGNS = {"added": "+", "removed": "−", "changed": "~"}


@dataclass(frozen=True)
class Links:
    """The pages beside this one, as (file, label); None at an end of the history."""

    index: str
    previous: tuple[str, str] | None
    next: tuple[str, str] | None


def render(diff: Diff, links: Links | None = None) -> str:
    makers = {"words": _words, "structure": _structure, "lines": lines_html, "worth": worth_html}
    body = "\n".join(
        f'<section id="{part}"><h2><i>{number}</i>{title}</h2>\n{makers[part](diff)}</section>'
        for number, (part, title) in enumerate(PARTS.items(), start=1)
    )
    return fill(
        title=f"{diff.before.label} → {diff.after.label}",
        head=_head(diff),
        nav="".join(f'<a href="#{part}">{title}</a>' for part, title in PARTS.items()),
        body=body,
        links=_links(links) if links else "",
    )


def fill(title: str, head: str, nav: str, body: str, links: str) -> str:
    """The template with these parts; all but the title are HTML already."""
    script = (WEB / "diff.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "policy": f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'",
        "title": safe(title),
        "style": (WEB / "diff.css").read_text(encoding="utf-8"),
        "head": head,
        "nav": f'<nav class="parts" aria-label="Parts">{nav}</nav>' if nav else "",
        "body": body,
        "links": links,
        "script": script,
    }
    template = (WEB / "diff.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)  # one pass: no part is searched again


def _links(links: Links) -> str:
    def link(one: tuple[str, str] | None, before: str, after: str) -> str:
        return f'<a href="{escape(one[0])}">{before}{safe(one[1])}{after}</a>' if one else "<span></span>"

    whole = f'<a href="{escape(links.index)}">the whole history</a>'
    inside = f"{link(links.previous, '← ', '')}{whole}{link(links.next, '', ' →')}"
    return f'<nav class="pages" aria-label="Pages">{inside}</nav>'


def _head(diff: Diff) -> str:
    milestone = diff.after.milestone
    names = f'<h1><span class="old">{safe(diff.before.label)}</span> <b>→</b> {safe(diff.after.label)}</h1>'
    idea = f'<p class="lead">{safe(milestone.idea)}</p>' if milestone and not diff.identical else ""
    same = '<p class="lead">The two programs are the same.</p>' if diff.identical else ""
    origins = "".join(
        f"<dt>{what}</dt><dd>{safe(program.origin)} <code>{program.sha256[:12]}</code></dd>"
        for what, program in (("before", diff.before), ("after", diff.after))
    )
    return f'{names}{idea}{same}<dl class="origin">{origins}</dl>'


def _words(diff: Diff) -> str:
    words = diff.words
    parts = []
    if words.techniques:
        items = "".join(f'<li class="{what}">{SIGNS[what]} {safe(name)}</li>' for what, name in words.techniques)
        parts.append(f'<h3>Techniques</h3><ul class="chips">{items}</ul><p class="note">{wording.TECHNIQUES_NOTE}</p>')
    parts.append("<h3>Hyperparameters</h3>")
    if words.hyperparameters is None:
        parts.append("<p>Not known: not both programs have a class Hyperparameters that can be read.</p>")
    else:
        parts.append(_hyperparameters(words.hyperparameters) if words.hyperparameters else "<p>None differ.</p>")
    parts.append("<h3>Size, at the defaults of each</h3>" + compared(wording.size_rows(words)))
    parts += [f'<p class="warning">{safe(line)}</p>' for line in wording.why_unknown(diff)]
    if words.before.flops_per_token or words.after.flops_per_token:
        parts.append(f'<p class="note">{safe(FORMULA)}.</p>')
    if words.before.facts or words.after.facts:
        parts.append("<h3>Optimizers: which weights learn how</h3>" + _optimizers(diff))
        parts.append("<h3>Schedules</h3>" + compared(wording.schedule_rows(words), prose=True))
    return "\n".join(parts)


def _hyperparameters(changes: Sequence[HyperparameterChange]) -> str:
    rows, section = [], None
    for change in changes:
        if change.section != section:
            section = change.section
            rows.append(f'<tr><th colspan="3">{safe(section)}</th></tr>')
        one, other = map(escape, wording.values(change))
        old = f'<del>{one}</del><span class="arrow"> → </span>' if change.change == "changed" else ""
        value = f"{old}<ins>{other}</ins>" if change.after else f"<del>{one}</del>"
        comment = escape(wording.comment(change.after or change.before))
        rows.append(
            f'<tr class="{change.change}"><td class="name"><i>{SIGNS[change.change]}</i>{safe(change.name)}</td>'
            f'<td>{value}</td><td class="comment">{comment}</td></tr>'
        )
    return f'<table class="fields"><tbody>{"".join(rows)}</tbody></table>'


def compared(rows: Iterable[Compared], prose: bool = False) -> str:
    def row(one: Compared) -> str:
        inner = " inner" if one.what.startswith("  ") else ""
        note = "the same" if one.same else one.note
        end = "" if prose else f'<td class="note">{safe(note)}</td>'
        return (
            f'<tr class="{"same" if one.same else ""}"><th class="name{inner}">{safe(one.what)}</th>'
            f'<td class="old">{safe(one.before)}</td><td class="new">{safe(one.after)}</td>{end}</tr>'
        )

    head = "<thead><tr><th></th><th>before</th><th>after</th>" + ("" if prose else "<th></th>") + "</tr></thead>"
    kind = "compared prose" if prose else "compared"
    return f'<div class="scroll"><table class="{kind}">{head}<tbody>{"".join(map(row, rows))}</tbody></table></div>'


def _optimizers(diff: Diff) -> str:
    def side(title: str, kind: str, sizes: Sizes) -> str:
        items = "".join(
            f"<li><b>{safe(settings)}</b><br><span>{safe(tensors)}</span></li>"
            for settings, tensors in wording.group_lines(sizes)
        )
        return f'<div class="{kind}"><h4>{title}</h4><ul>{items or "<li>not known</li>"}</ul></div>'

    one, other = diff.words.before, diff.words.after
    if wording.group_lines(one) == wording.group_lines(other):
        return f'<div class="sides">{side("the same in both", "both", other)}</div>'
    return f'<div class="sides">{side("before", "old", one)}{side("after", "new", other)}</div>'


def _structure(diff: Diff) -> str:
    unknown = wording.unknown_syntax(diff)
    warning = f'<p class="warning">{safe(unknown)}</p>' if unknown else ""
    if not diff.changed_units:
        return warning or "<p>No class or function differs.</p>"
    places = {id(fold.pair): number for number, fold in enumerate(diff.comparison.folds)}
    rows = "".join(_unit(diff, pair, places.get(id(pair))) for pair in diff.changed_units)
    return f'{warning}<table class="units"><tbody>{rows}</tbody></table>'


def _unit(diff: Diff, pair: Pair, number: int | None) -> str:
    kind = "quiet" if pair.change == "comments or layout only" else pair.change if pair.change in SIGNS else "changed"
    name = f"<span>{escape(pair.unit.kind)}</span> {safe(pair.name)}"
    linked = f'<a href="#unit-{number}">{name}</a>' if number is not None else name
    where = f" <small>{safe(pair.unit.role)}</small>" if pair.unit.role else ""
    return (
        f'<tr class="{kind}"><td class="name"><i>{SIGNS.get(kind, "~")}</i>{linked}{where}</td>'
        f"<td>{escape(pair.change)}</td><td>{counts(*diff.lines_of(pair))}</td></tr>"
    )
