// The page of an archive: what is chosen, and what its controls do.

DATA.rows.forEach((row, id) => { row.id = id; });
const state = { track: least(DATA.rows.map((row) => row.track)), measure: "minutes", against: "steps", view: "course",
  chosen: [] };

function trackRows() {
  return DATA.rows.filter((row) => row.track === state.track);
}

// Only measures that some row has; what the track claims comes first and is chosen.
function measures() {
  const rows = trackRows(), claimed = rows.some((row) => row.claims === "minutes") ? ["minutes", "steps", "tokens"] : ["steps"];
  const offered = claimed.filter((name) => rows.some((row) => row[name] !== null));
  state.measure = offered[0] || claimed[0];
  const group = document.getElementById("measure");
  group.replaceChildren(...offered.map((name) => {
    const button = element("button", { type: "button", textContent: name });
    button.dataset.value = name;
    return button;
  }));
  press(group, state.measure);
  group.hidden = offered.length < 2;
}

function progressLegend() {
  const entries = Object.keys(VERDICTS).map((verdict) => {
    const count = trackRows().filter((row) => row.verdict === verdict).length;
    return element("span", {}, verdictMark(verdict), `${verdict} (${count})`);
  });
  const line = element("span", {}, element("i", { className: "line" }), "best so far");
  document.getElementById("progress-legend").replaceChildren(...entries, line);
}

function showTrack(track) {
  state.track = track;
  const name = document.querySelector(`#track button[data-value="${track}"]`).textContent.toLowerCase();
  for (const title of document.querySelectorAll(".of-track")) title.textContent = name;
  measures();
  progressLegend();
  chooseSome();
  chips();
  fillRows();
}

choice(document.getElementById("track"), (value) => { showTrack(Number(value)); redraw(); });
choice(document.getElementById("measure"), (value) => { state.measure = value; drawProgress(); });
choice(document.getElementById("view"), (value) => { state.view = value; drawCurves(); });
choice(document.getElementById("against"), (value) => { state.against = value; drawCurves(); });
document.getElementById("add").addEventListener("change", (event) => {
  if (event.target.value) addCurves(Number(event.target.value));
  chips();
  drawCurves();
});
document.getElementById("text").addEventListener("input", filterRows);
document.getElementById("verdict").addEventListener("change", filterRows);
sortable(document.getElementById("rows"), () => [...document.getElementById("rows").tBodies]);
drawers.push(drawProgress, drawCurves);
showTrack(state.track);
start();
document.getElementById("progress").on("plotly_click", ({ points }) => openRow(points[0].customdata));
