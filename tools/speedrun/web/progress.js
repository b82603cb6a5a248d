// The chart of the record over the years: every row a point whose shape and colour are its evidence, a line of the best
// so far, the largest leaps named.

const VERDICTS = {
  supported: { symbol: "circle", size: 9 },
  unsupported: { symbol: "diamond", size: 10 },
  contradicted: { symbol: "triangle-down", size: 10 },
  "no evidence": { symbol: "square-open", size: 8 },
};
const keyOf = (verdict) => verdict.replace(" ", "-");
const number = (value, digits = 3) => value.toLocaleString("en", { maximumFractionDigits: digits });
const pText = (p) => (p < 0.0001 ? "p < 0.0001" : `p = ${p.toPrecision(2)}`);
const plusMinus = (value, std, digits) => value.toFixed(digits) + (std === null ? "" : ` ± ${std.toFixed(digits)}`);

function day(date) {
  const found = new Date(`${date}T00:00:00Z`);
  return date === null || Number.isNaN(found.getTime()) ? date || "no date"
    : found.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}

const isoDay = (at) => new Date(at).toISOString().slice(0, 10);

function claimText(row) {
  if (row.claims === null) return "no figure";
  return row.claims === "minutes" ? `${number(row.minutes)} minutes` : `${number(row.steps)} steps`;
}

function evidenceText(evidence) {
  const parts = [`n = ${evidence.n}`];
  if (evidence.mean !== null) parts.push(`mean loss ${plusMinus(evidence.mean, evidence.std, 4)}`);
  if (evidence.p !== null) parts.push(pText(evidence.p));
  return parts.join(", ");
}

function rowHover(row) {
  const lines = [`<b>Record ${row.record}</b>, ${plain(day(row.date))}`];
  lines.push(...shortened(row.description, 58, 3).map(plain), ...shortened(row.contributors, 58, 2).map(plain));
  lines.push(`claim: ${claimText(row)}`);
  if (row.claims === "minutes" && row.steps !== null) lines.push(`${number(row.steps)} steps in its logs`);
  if (row.tokens !== null) lines.push(`${number(row.tokens)} million tokens`);
  if (row.evidence) {
    lines.push(plain(evidenceText(row.evidence)));
    const { minutes, minutes_std: std } = row.evidence;
    if (minutes !== null) lines.push(`mean of logs’ time: ${plusMinus(minutes, std, 3)} minutes`);
  }
  return [...lines, `<b>${plain(row.verdict)}</b>`].join("<br>");
}

// Rows with a date and a value, by date; `gain` is how many times less than the best before, where it is less.
function progressPoints(rows, measure) {
  const known = rows.filter((row) => row[measure] > 0 && !Number.isNaN(Date.parse(row.date)));
  known.sort((a, b) => Date.parse(a.date) - Date.parse(b.date));
  let best = Infinity;
  return known.map((row) => {
    const gain = row[measure] < best ? best / row[measure] : null;
    best = Math.min(best, row[measure]);
    return { row, at: Date.parse(row.date), value: row[measure], best, gain };
  });
}

function ranges(points) {
  const [first, last] = [points[0].at, points.at(-1).at], span = last - first || 864e5 * 60;
  const values = points.map((point) => Math.log10(point.value));
  const [low, high] = [least(values), most(values)], pad = 0.07 * (high - low) + 0.01;
  // Below there is room for a label of the last point.
  return { x: [first - 0.03 * span, last + 0.03 * span], y: [low - 2 * pad, high + pad] };
}

// The largest of all, and the largest of each sixth of the time, for later leaps are smaller.
function largest(leaps, [start, end], count) {
  const sixth = (point) => Math.floor((6 * (point.at - start)) / (end - start));
  const sorted = [...leaps].sort((a, b) => b.gain - a.gain), named = sorted.slice(0, count);
  for (let part = 0; part < 6; part++) {
    const best = sorted.find((point) => sixth(point) === part);
    if (best && !named.includes(best)) named.push(best);
  }
  return named;
}

function progressLabels(points, range, frame, count, fontSize) {
  const px = (at) => ((at - range.x[0]) / (range.x[1] - range.x[0])) * frame.width;
  const py = (value) => (1 - (Math.log10(value) - range.y[0]) / (range.y[1] - range.y[0])) * frame.height;
  const line = points.flatMap((point, i) => {
    const next = points[i + 1], here = [px(point.at), py(point.best)];
    if (!next) return [here];
    const corner = [px(next.at), here[1]];
    return [...along(here, corner), ...along(corner, [corner[0], py(next.best)])];
  });
  const leaps = points.filter((point) => point.gain !== null && Number.isFinite(point.gain) && point.gain > 1.02);
  const labels = largest(leaps, range.x, count).map((point) => ({ point, x: px(point.at), y: py(point.value),
    lines: [...shortened(point.row.description, 27, 2), `−${(100 * (1 - 1 / point.gain)).toFixed(0)}%`] }));
  return placed(labels, [...line, ...points.map((point) => [px(point.at), py(point.value)])], frame, fontSize);
}

function progressTraces(points) {
  const best = { x: points.map((point) => isoDay(point.at)), y: points.map((point) => point.best), mode: "lines",
    hoverinfo: "skip", line: { shape: "hv", color: color("gray"), width: 1.6 } };
  return [best, ...Object.entries(VERDICTS).map(([verdict, look]) => {
    const own = points.filter((point) => point.row.verdict === verdict);
    const open = look.symbol.endsWith("open");
    return { x: own.map((point) => isoDay(point.at)), y: own.map((point) => point.value), name: verdict,
      mode: "markers", text: own.map((point) => rowHover(point.row)), hovertemplate: "%{text}<extra></extra>",
      customdata: own.map((point) => point.row.id),
      marker: { symbol: look.symbol, size: look.size, color: color(keyOf(verdict)),
        line: { width: open ? 1.8 : 1, color: color(open ? keyOf(verdict) : "card") } } };
  })];
}

// 1, 2, 5, 10 and so on; within less than a decade, round steps.
function logTick([low, high]) {
  if (high - low > 0.9) return "D2";
  const rough = (10 ** high - 10 ** low) / 6, size = 10 ** Math.floor(Math.log10(rough));
  return `L${size * [1, 2, 5, 10].find((factor) => factor * size >= rough)}`;
}

function progressAnnotations(labels, fontSize) {
  return labels.map((label) => ({
    x: isoDay(label.point.at), y: Math.log10(label.point.value), ax: label.dx, ay: label.dy,
    xanchor: label.side > 0 ? "left" : "right", align: label.side > 0 ? "left" : "right",
    yanchor: { "-1": "bottom", 0: "middle", 1: "top" }[label.level], text: label.lines.map(plain).join("<br>"),
    font: { size: fontSize, color: color("ink") }, borderpad: 1,
    showarrow: true, arrowhead: 0, arrowwidth: 0.8, arrowcolor: color("floor"), standoff: 6,
  }));
}

function drawProgress() {
  const chart = document.getElementById("progress");
  const points = progressPoints(trackRows(), state.measure);
  const what = `${state.measure} of ${points.length} records over time`;
  chart.setAttribute("aria-label", `${what}; the table below holds them all`);
  if (!points.length) return drawNothing(chart);
  const narrow = chart.clientWidth < 620, fontSize = narrow ? 11 : 12;
  const margin = { l: state.measure === "minutes" ? 50 : 66, r: 10, t: 10, b: 36 };
  const frame = { width: chart.clientWidth - margin.l - margin.r, height: chart.clientHeight - margin.t - margin.b };
  const range = ranges(points), labels = progressLabels(points, range, frame, narrow ? 2 : 6, fontSize);
  const layout = {
    ...looks(chart), margin,
    xaxis: { ...axisLooks(), type: "date", range: range.x.map((at) => new Date(at).toISOString()), showgrid: false,
      showline: true, nticks: narrow ? 5 : 10, tickformat: range.x[1] - range.x[0] < 300 * 864e5 ? "%-d %b" : "%b %Y" },
    yaxis: { ...axisLooks(), type: "log", range: range.y, tickformat: ",~r", dtick: logTick(range.y),
      title: { text: state.measure === "tokens" ? "million tokens" : state.measure, standoff: 6 } },
    annotations: progressAnnotations(labels, fontSize),
  };
  plot(chart, progressTraces(points), layout);
  noteProgress(points);
}

function noteProgress(points) {
  const rows = trackRows(), drawn = new Set(points.map((point) => point.row.id)), notes = [];
  const missing = rows.filter((row) => !drawn.has(row.id)).map((row) => row.record);
  if (missing.length) {
    const named = `record${missing.length > 1 ? "s" : ""} ${missing.join(", ")}`;
    const shown = missing.length > 8 ? `${missing.length} rows` : named;
    notes.push(`Not drawn, for want of a date or of ${state.measure}: ${shown}.`);
    if (state.measure === "tokens") notes.push(`The logs do not state tokens; shown are published figures. A leap may be that of rows in between.`);
  }
  if (state.measure === "steps" && rows.some((row) => row.claims === "minutes")) {
    notes.push("Steps are those of the logs and differ in size.");
  }
  document.getElementById("progress-note").textContent = notes.join(" ");
}

function drawNothing(chart) {
  const text = `No row with a date and ${state.measure}.`;
  const note = { xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, font: { size: 14 }, text };
  plot(chart, [], { ...looks(chart), xaxis: { visible: false }, yaxis: { visible: false }, annotations: [note] });
  noteProgress([]);
}
