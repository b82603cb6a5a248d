// Places labels beside points of a chart so that none covers a point, a line or another label; one that fits nowhere is
// left out. All in pixels of the plot's frame, y downwards.

const GAP = 5;
const pen = document.createElement("canvas").getContext("2d");

function size(lines, fontSize) {
  pen.font = `${fontSize}px ${getComputedStyle(document.body).fontFamily}`;
  const width = most(lines.map((line) => pen.measureText(line).width));
  return { width: width + 4, height: lines.length * fontSize * 1.3 + 4 };
}

// Nearest first. A falling line leaves room to its upper right and lower left. `side`: 1 is to the right of the
// leader's end, -1 to the left; `level`: -1 is above it, 0 level with it, 1 below.
const PLACES = [16, 28, 42, 58, 76, 98].flatMap((d) => [
  { dx: 0.75 * d, dy: -d, side: 1, level: -1 }, { dx: -0.75 * d, dy: d, side: -1, level: 1 },
  { dx: d, dy: -0.35 * d, side: 1, level: -1 }, { dx: -d, dy: 0.35 * d, side: -1, level: 1 },
  { dx: 0.2 * d, dy: -d, side: 1, level: -1 }, { dx: -0.2 * d, dy: d, side: -1, level: 1 },
  ...(d < 30 ? [{ dx: -d, dy: 0, side: -1, level: 0 }, { dx: d, dy: 0, side: 1, level: 0 }] : []),
]);

function boxAt(point, place, { width, height }) {
  const left = point.x + place.dx - (place.side < 0 ? width : 0);
  const top = point.y + place.dy - ((1 - place.level) * height) / 2;
  return { left, right: left + width, top, bottom: top + height };
}

const between = (value, low, high) => value > low - GAP && value < high + GAP;
const holds = (box, [x, y]) => between(x, box.left, box.right) && between(y, box.top, box.bottom);
const meet = (low, high, low2, high2) => low < high2 + GAP && low2 < high + GAP;
const overlap = (a, b) => meet(a.left, a.right, b.left, b.right) && meet(a.top, a.bottom, b.top, b.bottom);
const near = ([x, y], [u, v]) => Math.hypot(x - u, y - v) < 4;
const inside = (box, frame) => box.left >= 0 && box.right <= frame.width && box.top >= 0 && box.bottom <= frame.height;

function along(from, to) {
  const count = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / 5));
  return Array.from({ length: count + 1 }, (_, i) => [0, 1].map((k) => from[k] + ((to[k] - from[k]) * i) / count));
}

// Whether a label has room there, and its leader crosses nothing on the way.
function fits(label, place, extent, frame, taken, blocked) {
  const box = boxAt(label, place, extent);
  if (!inside(box, frame) || taken.some((other) => overlap(box, other))) return false;
  if (blocked.some((point) => holds(box, point))) return false;
  const leader = along([label.x, label.y], [label.x + place.dx, label.y + place.dy]);
  if (leader.some((point) => taken.some((other) => holds(other, point)))) return false;
  const far = leader.filter((point) => Math.hypot(point[0] - label.x, point[1] - label.y) > 14);
  return !far.some((point) => blocked.some((other) => near(point, other)));
}

// `labels` are {x, y, lines}, the most important first; `obstacles` are points [x, y]. Returns those with a place.
function placed(labels, obstacles, frame, fontSize) {
  const taken = [], kept = [], blocked = [...obstacles];
  for (const label of labels) {
    const extent = size(label.lines, fontSize);
    const place = PLACES.find((candidate) => fits(label, candidate, extent, frame, taken, blocked));
    if (!place) continue;
    taken.push(boxAt(label, place, extent));
    blocked.push(...along([label.x, label.y], [label.x + place.dx, label.y + place.dy]));
    kept.push({ ...label, ...place });
  }
  return kept;
}
