// The page of the ranking: loss curves of every table, and what its controls do.

const state = {}; // by table: {scale: "linear" or "log", against: "tokens" or "steps", hidden: numbers of hidden lines}

const AXES = {
  time: {
    of: (run, i) => run.seconds[i],
    units: [[3600 * 10, 3600, " (hours)"], [600, 60, " (minutes)"], [0, 1, " (seconds)"]],
    title: "training time",
  },
  tokens: {
    of: (run, i) => run.steps[i] * run.tokens_per_step,
    units: [[1e9, 1e9, " (billions)"], [1e6, 1e6, " (millions)"], [0, 1e3, " (thousands)"]],
    title: "tokens",
  },
  steps: { of: (run, i) => run.steps[i], units: [[0, 1, ""]], title: "steps" },
};

function allRuns(chart) {
  return chart.lines.flatMap((line) => line.runs);
}

const duration = (seconds) => (seconds < 600 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(2)} min`);

function hover(line, run, i) {
  const ended = run.state === "completed" ? "" : `, ${plain(run.state)}`;
  const tokens = run.steps[i] * run.tokens_per_step;
  return `<b>${plain(line.name)}</b><br>seed ${run.seed}${ended}<br>step ${run.steps[i].toLocaleString("en")}` +
    ` of ${(run.planned || 0).toLocaleString("en")}<br>loss ${run.loss[i].toFixed(4)}<br>` +
    `${duration(run.seconds[i])}, ${(tokens / 1e6).toPrecision(4)}M tokens`;
}

// All runs of one line in one trace, with gaps between them: plotly stays fast with thousands of runs.
function trace(line, runs, axis, unit, dash, faint) {
  const t = { x: [], y: [], text: [], mode: "lines", hovertemplate: "%{text}<extra></extra>" };
  for (const run of runs) {
    run.steps.forEach((_, i) => {
      t.x.push(axis.of(run, i) / unit);
      t.y.push(run.loss[i]);
      t.text.push(hover(line, run, i));
    });
    t.x.push(null);
    t.y.push(null);
    t.text.push("");
  }
  t.line = { color: color(line.color), width: faint ? 1 : 1.7, dash };
  t.opacity = faint ? 0.4 : dash === "solid" ? 0.9 : 0.65;
  return t;
}

function crossings(line, axis, unit) {
  const points = line.runs.map((run) => [run, run.steps.indexOf(run.met)]).filter(([, i]) => i >= 0);
  return {
    x: points.map(([run, i]) => axis.of(run, i) / unit),
    y: points.map(([run, i]) => run.loss[i]),
    text: points.map(([run, i]) => `${hover(line, run, i)}<br>target met`),
    mode: "markers",
    hovertemplate: "%{text}<extra></extra>",
    marker: { size: 7, color: color("card"), line: { width: 1.7, color: color(line.color) } },
  };
}

// Mean and spread of a line's complete runs, at the steps that all of them validated.
function noise(line, runs, axis, unit) {
  if (runs.length < 3) return [];
  const common = runs[0].steps.filter((step) => runs.every((run) => run.steps.includes(step)));
  const at = runs.map((run) => ({ at(step) {
    const i = run.steps.indexOf(step);
    return { x: axis.of(run, i) / unit, loss: run.loss[i] };
  } }));
  const text = (point) => `<b>${plain(line.name)}</b><br>mean of ${runs.length} runs at step ` +
    `${point.step.toLocaleString("en")}<br>loss ${point.mean.toFixed(4)} ± ${point.std.toFixed(4)}`;
  return bandTraces(band(at, common), line.color, text);
}

function traces(key, axis, unit) {
  return DATA[key].lines.flatMap((line, i) => {
    if (state[key].hidden.has(i)) return [];
    const done = line.runs.filter((run) => run.state === "completed" && line.color !== "gray");
    const rest = line.runs.filter((run) => !done.includes(run));
    const dotted = trace(line, rest, axis, unit, "dot");
    if (!done.length) return [dotted];
    const solid = trace(line, done, axis, unit, "solid", done.length > 2);
    return [solid, dotted, ...noise(line, done, axis, unit), crossings(line, axis, unit)];
  });
}

// From below everything up to what the runs have left behind after a fifth of the time: the fall from the untrained
// model's loss would press all that matters into one corner. A double click shows it.
function lossRange(chart, log) {
  const runs = allRuns(chart);
  const end = most(runs.map((run) => run.seconds.at(-1) || 0));
  const late = runs.flatMap((run) => run.loss.filter((_, i) => run.seconds[i] >= 0.2 * end));
  const marks = chart.targets.slice(0, 1).map(([value]) => value).concat(chart.floor === null ? [] : [chart.floor]);
  const low = least([...runs.flatMap((run) => run.loss), ...marks]), high = most([...late, ...marks]);
  const pad = 0.06 * (high - low || 1);
  return log ? [Math.log10(Math.max(low - pad, low / 2, 1e-3)), Math.log10(high + pad)] : [low - pad, high + pad];
}

function mark(value, text, name, dash) {
  const shape = { type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, layer: "below",
    line: { color: color(name), width: 1, dash } };
  const note = { xref: "paper", x: 0, xanchor: "left", yanchor: "bottom", text, showarrow: false, borderpad: 1,
    bgcolor: faded("card", 0.8), font: { size: 12, color: color(name === "floor" ? "soft" : name) } };
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

function layout(element, key, axis, unitName) {
  const chart = DATA[key], narrow = element.clientWidth < 420, log = state[key].scale === "log";
  const marks = chart.targets.map(([value, text], i) => mark(value, `target ${text}`, i ? "floor" : "target", "dash"));
  if (chart.floor !== null) marks.push(mark(chart.floor, `floor ${chart.floor.toFixed(4)}`, "floor", "dot"));
  const range = lossRange(chart, log);
  const inside = marks.filter(([, value]) => (log ? Math.log10(value) : value) >= range[0]);
  const common = { ...axisLooks(), automargin: true };
  return {
    ...looks(element),
    margin: { l: 44, r: 8, t: 10, b: 44 },
    xaxis: { ...common, rangemode: "tozero", showgrid: false, showline: true, nticks: narrow ? 5 : 8,
      title: { text: `${axis.title}${unitName}`, standoff: 10 } },
    yaxis: { ...common, type: log ? "log" : "linear", range, nticks: 7, tickformat: log ? "~g" : "",
      title: { text: "nats a token", standoff: 8 } },
    shapes: inside.map(([shape]) => shape),
    annotations: apart(inside.map(([, value, note]) => ({ ...note, y: log ? Math.log10(value) : value })), range),
  };
}

function draw(key) {
  for (const chart of document.querySelectorAll(`.curves[data-chart="${key}"]`)) {
    const axis = AXES[chart.dataset.axis === "time" ? "time" : state[key].against];
    const started = allRuns(DATA[key]).filter((run) => run.steps.length);
    const end = most([0, ...started.map((run) => axis.of(run, run.steps.length - 1))]);
    const [, unit, name] = axis.units.find(([from]) => end >= from);
    plot(chart, traces(key, axis, unit), layout(chart, key, axis, name));
  }
}

function legend(list) {
  const key = list.dataset.chart;
  DATA[key].lines.forEach((line, i) => {
    const button = element("button", { type: "button" }, element("i", { className: `dot ${line.color}` }), line.name);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const hidden = state[key].hidden;
      if (!hidden.delete(i)) hidden.add(i);
      button.setAttribute("aria-pressed", String(!hidden.has(i)));
      draw(key);
    });
    list.append(button);
  });
}

function choices(group) {
  choice(group, (value) => {
    const key = group.dataset.chart;
    state[key][group.dataset.sets] = value;
    document.querySelector(`.against[data-chart="${key}"]`).textContent = AXES[state[key].against].title;
    draw(key);
  });
}

for (const key of Object.keys(DATA)) {
  state[key] = { scale: "linear", against: "tokens", hidden: new Set() };
  drawers.push(() => draw(key));
}
document.querySelectorAll(".legend").forEach(legend);
document.querySelectorAll(".choice[data-sets]").forEach(choices);
document.querySelectorAll("table").forEach((table) => sortable(table, () => [...table.tBodies[0].rows]));
document.querySelectorAll(".ladder").forEach(ladder);
start();
