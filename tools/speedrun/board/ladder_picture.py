"""docs/ladder.svg: the published minutes as stairs, and beside them how much faster each milestone was here.

    write_text(house.root() / "docs/ladder.svg", draw(history))

A row for each milestone in the order of its record, both axes logarithmic. The same history gives the same text. Text
stays text, and the picture brings its own background. Not a plotting library: this one picture only.
"""

import math
from collections.abc import Callable, Sequence
from html import escape

from speedrun.board import figures
from speedrun.board.history_table import NO_SCRIPT, Column, History, Step
from speedrun.board.ladder import Gain
from speedrun.reading.logs import printable

WIDTH, TOP, ROW = 980, 122, 28
MINUTES, FACTORS = (352, 628), (694, 948)  # left and right edge of the two panels
PAPER, INK, SOFT, FAINT, RULE, STAIRS = "#faf9f6", "#1f2023", "#6a6b70", "#8c8b87", "#e2dfd7", "#8259b3"
COLOURS = ("#2c6fb0", "#d0762a", "#3d8b5c", "#be4b4e")  # of the tracks
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SMALL = f' font-size="12" fill="{SOFT}"'
HALO = f' stroke="{PAPER}" stroke-width="5" stroke-linejoin="round" paint-order="stroke"'  # over grid lines
Scale = Callable[[float], float]  # value to x


def draw(history: History) -> str:
    steps = sorted(history.steps, key=lambda one: (one.official.record if one.official else math.inf, one.name))
    known = [(one.name, minutes) for one in steps if (minutes := _minutes(one))]
    minutes_at = _logarithmic([1, 50, *(minutes for _, minutes in known)], MINUTES)
    factor_at = _logarithmic([0.9, 2.2, *_ends(history.columns)], FACTORS)
    bottom = TOP + ROW * len(steps)
    height = bottom + 56 + 20 * len(history.columns)
    body = [*_grid(minutes_at, factor_at, bottom), *_key(history.columns, bottom), *_stairs(steps, minutes_at)]
    for i, step in enumerate(steps):
        y = TOP + ROW * (i + 0.5)
        body += [*_told(step, minutes_at, y), *_measured(step, history.columns, factor_at, y)]
    title = f"From {known[0][1]:g} to {known[-1][1]:g} minutes, milestone by milestone" if known else "No records yet"
    told = "; ".join(f"{name} {minutes:g}" for name, minutes in known)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" \
aria-labelledby="title desc" font-family="{FONT}" font-size="13">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(printable(f"Published minutes on 8 H100: {told}."))}</desc>
<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="12" fill="{PAPER}" stroke="{RULE}"/>
{_text(28, 46, title, f' font-size="22" font-weight="650" fill="{INK}"')}
{chr(10).join(body)}
</svg>
"""


def _minutes(step: Step) -> float | None:
    minutes = step.official.minutes if step.official else None
    return minutes if minutes and minutes > 0 else None


def _gains(step: Step, columns: Sequence[Column]) -> list[tuple[int, Gain]]:
    """Number of the track and its measured gain in time, where there is one."""
    rungs = [(i, one.rungs.get(step.name)) for i, one in enumerate(columns)]
    return [(i, rung.time) for i, rung in rungs if rung and rung.time and rung.time.ratio]


def _ends(columns: Sequence[Column]) -> list[float]:
    ratios = [rung.time.ratio for one in columns for rung in one.rungs.values() if rung.time and rung.time.ratio]
    return [end or ratio.value for ratio in ratios for end in (ratio.low, ratio.high)]


def _logarithmic(values: Sequence[float], panel: tuple[int, int]) -> Scale:
    low, high, (left, right) = min(values), max(values), panel
    return lambda value: left + (right - left) * math.log(value / low) / math.log(high / low)


def _text(x: float, y: float, text: str, more: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(printable(text))}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, more: str) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" {more}/>'


def _grid(minutes_at: Scale, factor_at: Scale, bottom: float) -> list[str]:
    found = [
        _text(MINUTES[0], 82, "published minutes on 8×H100", SMALL),
        _text(FACTORS[0], 82, "measured here: speed over the one before", SMALL),
    ]
    panels = (minutes_at, (1, 2, 5, 10, 20, 45), "", MINUTES), (factor_at, (1, 1.5, 2, 3, 4, 6), "×", FACTORS)
    for scale, ticks, unit, (_, right) in panels:
        for x, tick in [(scale(tick), tick) for tick in ticks if scale(tick) <= right]:
            stroke = f'stroke="{SOFT if unit and tick == 1 else RULE}"'  # 1×: no gain, no loss
            found.append(_line(x, TOP - 8, x, bottom + 4, stroke))
            found.append(_text(x, TOP - 15, f"{tick:g}{unit}", SMALL + ' text-anchor="middle"'))
    return found


def _key(columns: Sequence[Column], bottom: float) -> list[str]:
    found = [_text(28, bottom + 30, "Date and # are of the record; rows are in the order of records.", SMALL)]
    for i, one in enumerate(columns):
        x, y = FACTORS[0] + 5, bottom + 30 + 20 * i
        found.append(f'<circle cx="{x:.1f}" cy="{y - 4:.1f}" r="4.5" fill="{COLOURS[i % len(COLOURS)]}"/>')
        found.append(_text(x + 12, y, f"{one.track}, to {figures.target_text(one.target)}", SMALL))
    if columns:
        note = "hollow: no gain shown; bar: 95% interval"
        found.append(_text(FACTORS[0], bottom + 30 + 20 * len(columns), note, SMALL))
    return found


def _stairs(steps: Sequence[Step], minutes_at: Scale) -> list[str]:
    path = ""
    for i, step in enumerate(steps):
        if minutes := _minutes(step):
            path += f"{'L' if path else 'M'}{minutes_at(minutes):.1f} {TOP + ROW * i}v{ROW}"
    if not path:
        return []
    area = f'<path d="{path}H{MINUTES[0]}V{TOP}Z" fill="{STAIRS}" fill-opacity="0.12"/>'
    return [area, f'<path d="{path}" fill="none" stroke="{STAIRS}" stroke-width="2"/>']


def _told(step: Step, minutes_at: Scale, y: float) -> list[str]:
    """Number, name, record, minutes."""
    number, _, name = step.name.partition("_")
    found = [_text(28, y + 4.5, number, f' fill="{SOFT}"')]
    found.append(_text(54, y + 4.5, name.replace("_", " "), f' fill="{INK}"'))
    if step.official:
        said = f"{(step.official.date or '')[:7]} #{step.official.record}".split()
        for x, word in zip((MINUTES[0] - 18, MINUTES[0] - 52), reversed(said), strict=False):
            found.append(_text(x, y + 4.5, word, SMALL + ' text-anchor="end"'))
    if minutes := _minutes(step):
        found.append(_text(minutes_at(minutes) + 8, y + 4.5, f"{minutes:g}", f' fill="{INK}"{HALO}'))
    return found


def _measured(step: Step, columns: Sequence[Column], factor_at: Scale, y: float) -> list[str]:
    if not step.has_script:
        return [_text(factor_at(1) + 10, y + 4, NO_SCRIPT, f' font-size="11" fill="{FAINT}"{HALO}')]
    found, gains = [], _gains(step, columns)
    for place, (i, gain) in enumerate(gains):
        ratio, colour, at = gain.ratio, COLOURS[i % len(COLOURS)], y + 10 * (place - (len(gains) - 1) / 2)
        if not ratio:
            continue
        if ratio.low and ratio.high:
            ends = factor_at(ratio.low), factor_at(ratio.high)
            found.append(_line(ends[0], at, ends[1], at, f'stroke="{colour}" stroke-width="2"'))
        fill = colour if gain.standing == "gain" else PAPER
        dot = f'<circle cx="{factor_at(ratio.value):.1f}" cy="{at:.1f}" r="4.5" fill="{fill}" stroke="{colour}"'
        found.append(f'{dot} stroke-width="2"/>')
    return found
