"""The whole history as linked pages: index.html, then one page a step, each with the one before and after it.

    for name, text in pages(diffs).items():
        write_text(folder / name, text)

Only text is made here; the steps themselves are diff_page.py's.
"""

from collections.abc import Sequence

from speedrun.study import worth_wording
from speedrun.study.diff_page import Links, fill, render
from speedrun.study.diff_page_lines import safe
from speedrun.study.milestone_diff import Diff

INDEX = "index.html"


def pages(diffs: Sequence[Diff]) -> dict[str, str]:
    """File name: HTML, the index first. A page bears the name of the later program."""
    names = [(f"{diff.after.label}.html", diff.after.label) for diff in diffs]
    made = {INDEX: _index(diffs)}
    for i, diff in enumerate(diffs):
        previous = names[i - 1] if i else None
        following = names[i + 1] if i + 1 < len(names) else None
        made[names[i][0]] = render(diff, Links(INDEX, previous, following))
    return made


def _index(diffs: Sequence[Diff]) -> str:
    cards = "".join(map(_card, diffs))
    first, last = diffs[0].before.label, diffs[-1].after.label
    head = (
        f"<h1>{safe(first)} <b>→</b> {safe(last)}</h1>"
        '<p class="lead">Every step of the history: what changed, and what it was worth.</p>'
    )
    return fill(title="The history, step by step", head=head, nav="", body=f'<ol class="steps">{cards}</ol>', links="")


def _card(diff: Diff) -> str:
    milestone = diff.after.milestone
    added = sum(fold.added for fold in diff.comparison.folds if not fold.words_only)
    removed = sum(fold.removed for fold in diff.comparison.folds if not fold.words_only)
    lines = f"{len(diff.changed_units)} classes and functions, <ins>+{added}</ins> <del>−{removed}</del> lines"
    facts = [safe(fact) for fact in (_published(diff), *_gains(diff)) if fact]
    items = "".join(f"<li>{fact}</li>" for fact in (*facts, lines))
    title = safe(milestone.title if milestone else diff.after.label)
    idea = f"<p>{safe(milestone.idea)}</p>" if milestone else ""
    return (
        f'<li><a href="{safe(diff.after.label)}.html"><small>{safe(diff.before.label)} → '
        f"{safe(diff.after.label)}</small><b>{title}</b></a>{idea}<ul>{items}</ul></li>"
    )


def _published(diff: Diff) -> str:
    before, after = diff.worth.published
    if before is None or after is None or not before.minutes or not after.minutes:
        return ""
    return f"published: {before.minutes:g} → {after.minutes:g} min on 8 × H100"


def _gains(diff: Diff) -> list[str]:
    """The main target of each track, in a line each."""
    found = []
    for one in diff.worth.both:
        times = [verdict for verdict in worth_wording.verdicts(one) if verdict.what.startswith("time")]
        if times:
            first, where = times[0], f"{one.track.name}, {one.hardware}"
            found.append(f"{where}: {first.what}: {first.before} → {first.after}, {first.words}")
    return found
