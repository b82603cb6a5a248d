// Loss curves of the chosen records: one faint line a run, a dot at each validation, a band where there are three runs.

const COLORS = 8; // --c0 to --c7 in base.css: as many records at once

function curveOf(index, byTime) {
  const run = DATA.runs[index], steps = DATA.grids[run.grid];
  if (byTime && run.seconds === null) return null;
  return { run, steps, x: byTime ? run.seconds.map((seconds) => seconds / 60) : steps, loss: run.loss };
}

// Without its last validation where that one is evaluated differently: no line may lead there.
function course(curve, row) {
  const end = row.final_differs ? curve.steps.length - 1 : curve.steps.length;
  return { x: curve.x.slice(0, end), loss: curve.loss.slice(0, end), steps: curve.steps.slice(0, end) };
}

function runTrace(row, curve, name, single) {
  const { x, loss, steps } = course(curve, row);
  const path = shortened(curve.run.path, 58, 3).map(plain).join("<br>");
  return { x, y: loss, mode: "lines+markers", hovertemplate: "%{text}<extra></extra>",
    text: steps.map((step, i) =>
      `<b>Record ${row.record}</b><br>${path}<br>step ${number(step)}, loss ${loss[i].toFixed(4)}`),
    line: { color: faded(name, single ? 0.8 : 0.3), width: 1.2 },
    marker: { size: 3, color: faded(name, single ? 0.8 : 0.35) } };
}

function recordBand(row, curves, name) {
  const parts = curves.map((curve) => course(curve, row));
  if (parts.length < 3) return [];
  const places = parts.map((part) => new Map(part.steps.map((step, i) => [step, i])));
  const common = parts[0].steps.filter((step) => places.every((place) => place.has(step)));
  const runs = parts.map((part, k) => ({ at(step) {
    const i = places[k].get(step);
    return { x: part.x[i], loss: part.loss[i] };
  } }));
  const text = (point) => `<b>Record ${row.record}</b><br>mean of ${runs.length} runs at step ` +
    `${number(point.step)}<br>loss ${point.mean.toFixed(4)} ± ${point.std.toFixed(4)}`;
  return bandTraces(band(runs, common), name, text);
}

// Where the runs are judged: their mean, with the standard deviation of three or more.
function judged(row, name, byTime) {
  const x = (byTime ? row.runs.seconds : row.runs.step).filter((value) => value !== null);
  const loss = row.runs.loss.filter((value) => value !== null);
  if (!x.length || !loss.length) return [];
  const std = loss.length > 2 ? spread(loss) : null, of = loss.length > 1 ? `mean of ${loss.length} runs` : "one run";
  return [{ x: [mean(x) / (byTime ? 60 : 1)], y: [mean(loss)], mode: "markers", hovertemplate: "%{text}<extra></extra>",
    text: [`<b>Record ${row.record}</b> as it is judged<br>${of}: loss ${plusMinus(mean(loss), std, 4)}<br>` +
      `${plain(row.evidence.column)}, target ${row.target}`],
    error_y: { type: "data", array: [std || 0], visible: std !== null, thickness: 1.4, width: 5, color: color(name) },
    marker: { size: 9, color: color("card"), line: { width: 2, color: color(name) } } }];
}

function curvesRange(chosen) {
  const points = chosen.flatMap(({ row }) => row.runs.run.map((index) => curveOf(index, false)));
  const losses = chosen.flatMap(({ row }) => row.runs.loss).filter((loss) => loss !== null);
  const targets = chosen.map(({ row }) => row.target).filter((target) => target !== null);
  const low = least([...losses, ...targets, ...points.flatMap((curve) => curve.loss)]);
  if (state.view === "finish") return [low - 0.004, most([...losses, ...targets]) + 0.035];
  const late = points.flatMap((curve) => curve.loss.filter((_, i) => curve.steps[i] >= 0.12 * curve.steps.at(-1)));
  const high = most([...late, ...losses, ...targets]), pad = 0.04 * (high - low || 1);
  return [low - pad, high + pad];
}

// The whole course, or where any run has come down into the chart.
function curvesSpan(chosen, byTime, [, high]) {
  const all = chosen.flatMap(({ row }) => row.runs.run.map((index) => curveOf(index, byTime)));
  const curves = all.filter((curve) => curve !== null);
  const end = most([0, ...curves.map((curve) => curve.x.at(-1))]);
  const below = curves.flatMap((curve) => curve.x.filter((_, i) => curve.loss[i] <= high));
  const start = state.view === "finish" && below.length ? least(below) : 0;
  return [Math.max(0, start - 0.06 * (end - start)), end + 0.03 * (end - start || 1)];
}

function curvesLayout(chart, chosen, byTime) {
  const range = chosen.length ? curvesRange(chosen) : [3, 4];
  const targets = [...new Set(chosen.map(({ row }) => row.target).filter((target) => target !== null))];
  const notes = targets.map((target) => ({ xref: "paper", x: 0, y: target, xanchor: "left", yanchor: "bottom",
    text: `target ${target}`, showarrow: false, bgcolor: faded("card", 0.8), font: { color: color("ink") } }));
  const none = { xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, font: { size: 14 },
    text: "No record with logs is chosen." };
  return {
    ...looks(chart),
    margin: { l: 50, r: 10, t: 10, b: 44 },
    xaxis: { ...axisLooks(), range: curvesSpan(chosen, byTime, range), showgrid: false, showline: true,
      nticks: chart.clientWidth < 620 ? 5 : 10,
      title: { text: byTime ? "training time (minutes)" : "steps", standoff: 10 } },
    yaxis: { ...axisLooks(), range, nticks: 7, tickformat: "~f",
      title: { text: "val loss, nats a token", standoff: 6 } },
    shapes: targets.map((target) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: target, y1: target,
      layer: "below", line: { color: color("target"), width: 1, dash: "dash" } })),
    annotations: chosen.length ? notes : [none],
  };
}

function drawCurves() {
  const chart = document.getElementById("curves"), byTime = state.against === "time";
  const chosen = state.chosen.map(({ id, color: name }) => ({ row: DATA.rows[id], name }));
  let clockless = 0;
  const traces = chosen.flatMap(({ row, name }) => {
    const curves = row.runs.run.map((index) => curveOf(index, byTime)).filter((curve) => curve !== null);
    clockless += row.runs.run.length - curves.length;
    const lines = curves.map((curve) => runTrace(row, curve, name, curves.length < 3));
    return [...lines, ...recordBand(row, curves, name), ...judged(row, name, byTime)];
  });
  plot(chart, traces, curvesLayout(chart, chosen, byTime));
  noteCurves(chosen, clockless);
}

function noteCurves(chosen, clockless) {
  const notes = ["Dots are validations, a ring is where the record is judged; a band is mean ± one standard " +
    "deviation of three runs or more at equal steps."];
  if (chosen.some(({ row }) => row.final_differs)) {
    notes.push("From record 33 of track 1 on, the last validation uses longer attention windows than those before " +
      "it, so no line leads to it.");
  }
  for (const { row } of chosen.filter(({ row: { evidence } }) => evidence.column !== "val_loss")) {
    notes.push(`Record ${row.record} is judged by ${row.evidence.column}; its lines are of val_loss.`);
  }
  if (clockless) notes.push(`${clockless} run${clockless > 1 ? "s" : ""} without a clock: not drawn against time.`);
  document.getElementById("curves-note").textContent = notes.join(" ");
}

function chips() {
  const list = document.getElementById("chips"), add = document.getElementById("add");
  list.replaceChildren(...state.chosen.map(({ id, color: name }) => {
    const row = DATA.rows[id], text = `${row.record}: ${shortened(row.description, 30, 1)[0]}`;
    const button = element("button", { type: "button", title: "Remove from the chart" },
      element("i", { className: `dot ${name}` }),
      element("span", { textContent: `${text} (n = ${row.runs.run.length})` }));
    button.addEventListener("click", () => {
      state.chosen = state.chosen.filter((other) => other.id !== id);
      chips();
      drawCurves();
    });
    return button;
  }));
  const free = trackRows().filter((row) => row.runs.run.length && !state.chosen.some(({ id }) => id === row.id));
  const named = free.map((row) => [String(row.id), `${row.record}: ${shortened(row.description, 40, 1)[0]}`]);
  const options = [["", "add a record …"], ...named];
  add.replaceChildren(...options.map(([value, textContent]) => element("option", { value, textContent })));
  add.disabled = !free.length || state.chosen.length === COLORS;
}

function addCurves(id) {
  if (state.chosen.some((one) => one.id === id) || !DATA.rows[id].runs.run.length) return;
  if (state.chosen.length === COLORS) state.chosen.shift();
  const names = Array.from({ length: COLORS }, (_, i) => `c${i}`);
  const free = names.find((name) => state.chosen.every((one) => one.color !== name));
  state.chosen.push({ id, color: free });
}

// Of the records with three runs or more (else of all with logs) the first, the middle one and the last.
function chooseSome() {
  const withLogs = trackRows().filter((row) => row.runs.run.length);
  const many = withLogs.filter((row) => row.runs.run.length > 2), from = many.length ? many : withLogs;
  state.chosen = [];
  for (const i of new Set([0, (from.length - 1) >> 1, from.length - 1])) if (from[i]) addCurves(from[i].id);
}
