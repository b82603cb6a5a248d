// Draws the charts from the JSON beside this script, and sorts the tables. No library but plotly, no network.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
// Chart text is a small HTML of plotly's own: names out of logs must not be taken for it.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
// Math.max(...values) overflows the stack at some hundred thousand points.
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const state = {}; // by chart: {scale: "linear" or "log", hidden: numbers of hidden lines}

const AXES = {
  time: {
    column: 2,
    units: [[3600 * 10, 3600, "hours"], [600, 60, "minutes"], [0, 1, "seconds"]],
    title: "training time",
  },
  tokens: {
    column: 3,
    units: [[1e9, 1e9, "billions"], [1e6, 1e6, "millions"], [0, 1e3, "thousands"]],
    title: "tokens",
  },
};

function allRuns(chart) {
  return chart.lines.flatMap((line) => line.runs);
}

function hover(line, run, [step, loss, seconds, tokens]) {
  const ended = run.state === "completed" ? "" : `, ${plain(run.state)}`;
  const time = seconds < 600 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(2)} min`;
  return `<b>${plain(line.name)}</b><br>seed ${run.seed}${ended}<br>step ${step.toLocaleString("en")}` +
    ` of ${(run.planned || 0).toLocaleString("en")}<br>loss ${loss.toFixed(4)}<br>` +
    `${time}, ${(tokens / 1e6).toPrecision(4)}M tokens`;
}

// All runs of one line in one trace, with gaps between them: plotly stays fast with thousands of runs.
function trace(line, runs, axis, unit, dash) {
  const t = { x: [], y: [], text: [], mode: "lines", hovertemplate: "%{text}<extra></extra>", showlegend: false };
  for (const run of runs) {
    for (const point of run.val) {
      t.x.push(point[axis.column] / unit);
      t.y.push(point[1]);
      t.text.push(hover(line, run, point));
    }
    t.x.push(null);
    t.y.push(null);
    t.text.push("");
  }
  t.line = { color: color(line.color), width: 1.7, dash };
  t.opacity = dash === "solid" ? 0.9 : 0.65;
  return t;
}

function crossings(line, axis, unit) {
  const points = line.runs.flatMap((run) => run.val.filter((p) => p[0] === run.met).map((p) => [run, p]));
  return {
    x: points.map(([, p]) => p[axis.column] / unit),
    y: points.map(([, p]) => p[1]),
    text: points.map(([run, p]) => `${hover(line, run, p)}<br>target met`),
    mode: "markers",
    hovertemplate: "%{text}<extra></extra>",
    showlegend: false,
    marker: { size: 8, color: color("card"), line: { width: 2, color: color(line.color) } },
  };
}

function traces(key, axis, unit) {
  return DATA[key].lines.flatMap((line, i) => {
    if (state[key].hidden.has(i)) return [];
    const done = line.runs.filter((run) => run.state === "completed" && line.color !== "gray");
    const rest = line.runs.filter((run) => !done.includes(run));
    const drawn = [trace(line, done, axis, unit, "solid"), trace(line, rest, axis, unit, "dot")];
    return done.length ? [...drawn, crossings(line, axis, unit)] : drawn;
  });
}

// From below everything up to what the runs have left behind after a fifth of the time: the fall from the untrained
// model's loss would press all that matters into one corner. A double click shows it.
function lossRange(chart, log) {
  const runs = allRuns(chart);
  const end = most(runs.map((run) => (run.val.length ? run.val.at(-1)[2] : 0)));
  const points = runs.flatMap((run) => run.val);
  const late = points.filter((p) => p[2] >= 0.2 * end).map((p) => p[1]);
  const marks = chart.targets.slice(0, 1).map(([value]) => value).concat(chart.floor === null ? [] : [chart.floor]);
  const low = least([...points.map((p) => p[1]), ...marks]), high = most([...late, ...marks]);
  const pad = 0.06 * (high - low || 1);
  return log ? [Math.log10(Math.max(low - pad, low / 2, 1e-3)), Math.log10(high + pad)] : [low - pad, high + pad];
}

function mark(value, text, name, dash) {
  const shape = { type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, layer: "below",
    line: { color: color(name), width: 1, dash } };
  const note = { xref: "paper", x: 0, xanchor: "left", yanchor: "bottom", text, showarrow: false,
    font: { size: 12, color: color(name === "floor" ? "soft" : name) } };
  return [shape, value, note];
}

// Of labels that would overlap, the first stays.
function apart(notes, [low, high]) {
  const kept = [];
  for (const note of notes) {
    if (kept.every((other) => Math.abs(other.y - note.y) > 0.07 * (high - low))) kept.push(note);
  }
  return kept;
}

function layout(key, axis, unitName, narrow) {
  const chart = DATA[key], log = state[key].scale === "log";
  const marks = chart.targets.map(([value, text], i) => mark(value, `target ${text}`, i ? "floor" : "target", "dash"));
  if (chart.floor !== null) marks.push(mark(chart.floor, `floor ${chart.floor.toFixed(4)}`, "floor", "dot"));
  const range = lossRange(chart, log);
  const inside = marks.filter(([, value]) => (log ? Math.log10(value) : value) >= range[0]);
  const common = { gridcolor: color("grid"), linecolor: color("rule"), zeroline: false, automargin: true, ticks: "" };
  return {
    margin: { l: 44, r: 8, t: 10, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("soft") },
    xaxis: { ...common, rangemode: "tozero", showgrid: false, showline: true, nticks: narrow ? 5 : 8,
      title: { text: `${axis.title} (${unitName})`, standoff: 10 } },
    yaxis: { ...common, type: log ? "log" : "linear", range, nticks: 7, tickformat: log ? "~g" : "",
      title: { text: "nats a token", standoff: 8 } },
    hoverlabel: { align: "left", bgcolor: color("card"), bordercolor: color("rule"),
      font: { color: color("ink"), size: 13 } },
    hovermode: "closest",
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger scrolls the page
    shapes: inside.map(([shape]) => shape),
    annotations: apart(inside.map(([, value, note]) => ({ ...note, y: log ? Math.log10(value) : value })), range),
  };
}

function draw(key) {
  for (const element of document.querySelectorAll(`.chart[data-chart="${key}"]`)) {
    const axis = AXES[element.dataset.axis];
    const end = most([0, ...allRuns(DATA[key]).flatMap((run) => run.val.map((p) => p[axis.column]))]);
    const [, unit, name] = axis.units.find(([from]) => end >= from);
    const options = { responsive: true, displayModeBar: false };
    Plotly.react(element, traces(key, axis, unit), layout(key, axis, name, element.clientWidth < 420), options);
  }
}

function legend(element) {
  const key = element.dataset.chart;
  DATA[key].lines.forEach((line, i) => {
    const button = document.createElement("button"), dot = document.createElement("i");
    dot.className = `dot ${line.color}`;
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.append(dot, line.name);
    button.addEventListener("click", () => {
      const hidden = state[key].hidden;
      if (!hidden.delete(i)) hidden.add(i);
      button.setAttribute("aria-pressed", String(!hidden.has(i)));
      draw(key);
    });
    element.append(button);
  });
}

function scale(element) {
  const buttons = [...element.querySelectorAll("button")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      state[element.dataset.chart].scale = button.dataset.scale;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      draw(element.dataset.chart);
    });
  }
}

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
}

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const order = (row) => row.cells[column].dataset.order;
    const known = rows.filter((row) => order(row) !== undefined);
    known.sort((a, b) => (down ? -1 : 1) * compare(order(a), order(b)));
    table.tBodies[0].append(...known, ...rows.filter((row) => order(row) === undefined)); // unknown is always last
  }));
}

for (const key of Object.keys(DATA)) state[key] = { scale: "linear", hidden: new Set() };
document.querySelectorAll(".legend").forEach(legend);
document.querySelectorAll(".scale").forEach(scale);
document.querySelectorAll("table").forEach(sortable);
Object.keys(DATA).forEach(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => Object.keys(DATA).forEach(draw));
