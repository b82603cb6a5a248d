"""Loss curves as one inline SVG: a line a cohort, its mean over runs, in a band of one standard deviation.

    svg("Toy track", "seconds", [Line("03 (n = 5)", "before", points)], target=1.9)

Colours are the page's: classes before and after. Text is escaped here. Not interactive: the leaderboard's page is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from speedrun.board.figures import target_text, tokens
from speedrun.study.worth import CurvePoint

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 30, 44
AXES = {"seconds": "training time, s", "tokens": "tokens trained on"}


@dataclass(frozen=True)
class Line:
    label: str
    kind: str  # "before" or "after"
    points: Sequence[CurvePoint]


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1) * (self.end - self.start)


def svg(title: str, axis: str, lines: Sequence[Line], target: float | None) -> str:
    """ "" where no line has two points."""
    drawn = [line for line in lines if len(line.points) > 1]
    if not drawn:
        return ""
    x = _Scale(0, max(_x(line.points[-1], axis) for line in drawn), LEFT, WIDTH - RIGHT)
    low, high = _range(drawn, target)
    y = _Scale(low, high, HEIGHT - BOTTOM, TOP)
    said = f"{title}: mean validation loss against {AXES[axis]}"
    place = f"{LEFT} {TOP} {WIDTH - LEFT - RIGHT} {HEIGHT - TOP - BOTTOM}"  # an inner svg clips what leaves it
    left, top, width, height = place.split()
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}"><title>{escape(said)}</title>',
        *_grid(x, y, axis),
        *([_target(target, x, y)] if target is not None and low <= target <= high else []),
        f'<svg class="inner" x="{left}" y="{top}" width="{width}" height="{height}" viewBox="{place}">',
        *(_band(line, axis, x, y) for line in drawn),
        *(_curve(line, axis, x, y) for line in drawn),
        "</svg>",
        *(_label(line, i) for i, line in enumerate(drawn)),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def _x(point: CurvePoint, axis: str) -> float:
    return point.seconds if axis == "seconds" else point.tokens


def _range(lines: Sequence[Line], target: float | None) -> tuple[float, float]:
    """From below the lowest loss up to what is left after an eighth of a run: the first drop would hide the rest."""
    low = min([point.loss - (point.std or 0) for line in lines for point in line.points])
    high = max(line.points[max(1, len(line.points) // 8)].loss for line in lines)
    low = min(low, target) if target is not None else low
    return low - 0.05 * (high - low), high


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / most or 1
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _grid(x: _Scale, y: _Scale, axis: str) -> list[str]:
    parts = []
    for value in _ticks(y.low, y.high):
        parts.append(f'<path class="grid" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in _ticks(x.low, x.high):
        text = f"{value:g}" if axis == "seconds" else tokens(value)
        parts.append(f'<path class="grid" d="M{x(value):.1f} {HEIGHT - BOTTOM}v5"/>')
        parts.append(
            f'<text class="tick" x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 19}" text-anchor="middle">{text}</text>'
        )
    parts.append(f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{AXES[axis]}</text>')
    parts.append(f'<text class="tick" x="4" y="{TOP - 12}">val loss, nats a token</text>')
    return parts


def _target(target: float, x: _Scale, y: _Scale) -> str:
    return (
        f'<path class="target" d="M{LEFT} {y(target):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="tick" x="{LEFT + 6}" y="{y(target) - 5:.1f}">target {target_text(target)}</text>'
    )


def _band(line: Line, axis: str, x: _Scale, y: _Scale) -> str:
    points = [point for point in line.points if point.std is not None]
    if not points:
        return ""
    upper = [f"{x(_x(p, axis)):.1f} {y(p.loss + (p.std or 0)):.1f}" for p in points]
    lower = [f"{x(_x(p, axis)):.1f} {y(p.loss - (p.std or 0)):.1f}" for p in reversed(points)]
    return f'<path class="band {line.kind}" d="M{"L".join([*upper, *lower])}Z"/>'


def _curve(line: Line, axis: str, x: _Scale, y: _Scale) -> str:
    places = [f"{x(_x(point, axis)):.1f} {y(point.loss):.1f}" for point in line.points]
    return f'<path class="curve {line.kind}" d="M{"L".join(places)}"/>'


def _label(line: Line, place: int) -> str:
    right, y = WIDTH - RIGHT - 4, TOP + 14 + 19 * place
    return f'<text class="name {line.kind}" x="{right}" y="{y}" text-anchor="end">{escape(line.label)}</text>'
