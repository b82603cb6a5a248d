// What both pages share: colours, chart looks, the theme, sorting. No library but plotly, no network. Text out of logs
// and tables reaches the page as textContent only, and chart text through plain().
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const OPTIONS = { displayModeBar: false, responsive: false }; // resizing redraws, for labels are placed by the pixel
const root = document.documentElement;
const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const coarse = matchMedia("(pointer: coarse)").matches;
const drawers = []; // functions that draw one chart each, again after a change of theme or width

// Chart text is a small HTML of plotly's own: names out of logs must not be taken for it.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
// Math.max(...values) overflows the stack at some hundred thousand points.
const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const spread = (values) => Math.sqrt(values.reduce((a, b) => a + (b - mean(values)) ** 2, 0) / (values.length - 1));

const probe = document.createElement("i"); // a computed colour is what light-dark() comes to
probe.hidden = true;
document.body.append(probe);
const colors = new Map();

function color(name) {
  if (!colors.has(name)) {
    probe.style.color = `var(--${name})`;
    colors.set(name, getComputedStyle(probe).color);
  }
  return colors.get(name);
}

const faded = (name, alpha) => color(name).replace("rgb(", "rgba(").replace(")", `, ${alpha})`);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Lines of at most `width` characters, broken between words; a longer word is broken inside.
function wrapped(text, width) {
  const lines = [""];
  for (const word of String(text).split(" ").flatMap((word) => word.match(new RegExp(`.{1,${width}}`, "gu")) || [])) {
    const line = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (line.length > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines;
}

function shortened(text, width, count) {
  const lines = wrapped(text, width);
  return lines.length > count ? [...lines.slice(0, count - 1), `${lines[count - 1]} …`] : lines;
}

function axisLooks() {
  return { gridcolor: color("grid"), linecolor: color("rule"), zeroline: false, ticks: "", fixedrange: coarse };
}

// Of a chart as large as its element is now: left to itself, plotly keeps the size of the first drawing.
function looks(chart) {
  const family = getComputedStyle(document.body).fontFamily;
  return {
    width: chart.clientWidth,
    height: chart.clientHeight,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, size: 12, color: color("soft") },
    hoverlabel: { align: "left", bgcolor: color("card"), bordercolor: color("rule"),
      font: { family, color: color("ink"), size: 13 } },
    hovermode: "closest",
    dragmode: coarse ? false : "zoom", // a finger scrolls the page
    showlegend: false,
  };
}

function plot(chart, traces, layout) {
  chart.querySelector(".hoverlayer")?.replaceChildren(); // of the drawing before: no finger will ever leave its point
  Plotly.react(chart, traces, layout, OPTIONS);
}

// Runs are {x, loss} here. Where three or more have a validation at the same steps: mean and standard deviation there.
function band(runs, common) {
  if (runs.length < 3) return [];
  return common.map((step) => {
    const points = runs.map((run) => run.at(step));
    const losses = points.map((point) => point.loss);
    return { step, x: mean(points.map((point) => point.x)), mean: mean(losses), std: spread(losses) };
  });
}

function bandTraces(points, name, text) {
  if (!points.length) return [];
  const x = points.map((point) => point.x), quiet = { mode: "lines", hoverinfo: "skip", line: { width: 0 } };
  return [
    { ...quiet, x, y: points.map((point) => point.mean - point.std) },
    { ...quiet, x, y: points.map((point) => point.mean + point.std), fill: "tonexty", fillcolor: faded(name, 0.22) },
    { x, y: points.map((point) => point.mean), text: points.map(text), mode: "lines",
      line: { color: color(name), width: 2 }, hovertemplate: "%{text}<extra></extra>" },
  ];
}

// Buttons of which one is pressed; `chosen` is called with the value of the one that was clicked.
function choice(group, chosen) {
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    press(group, button.dataset.value);
    chosen(button.dataset.value);
  });
}

function press(group, value) {
  for (const button of group.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.value === value));
  }
}

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? String(a).localeCompare(String(b), "en", { numeric: true }) : x - y;
}

// Sorts `items` of a table (rows, or bodies of rows) by the `data-order` of a column's cells; the unknown is last.
function sortable(table, items) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = (item) => (item.rows ? item.rows[0] : item).cells[column].dataset.order;
    const [parent, all] = [items()[0]?.parentNode, items()];
    const known = all.filter((item) => order(item) !== undefined);
    known.sort((a, b) => (down ? -1 : 1) * compare(order(a), order(b)));
    parent?.append(...known, ...all.filter((item) => order(item) === undefined));
  }));
}

function redraw() {
  colors.clear();
  for (const draw of drawers) draw();
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : darkSystem.matches;
}

function themed(button) {
  const label = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    label();
    redraw();
  });
  darkSystem.addEventListener("change", () => { label(); redraw(); });
  label();
}

// Paper is white, whatever the screen is.
function printed() {
  let former;
  addEventListener("beforeprint", () => {
    former = root.dataset.theme;
    root.dataset.theme = "light";
    root.classList.add("printing"); // a width that fits, for charts are as wide as they were drawn
    redraw();
  });
  addEventListener("afterprint", () => {
    if (former) root.dataset.theme = former; else delete root.dataset.theme;
    root.classList.remove("printing");
    redraw();
  });
}

function start() {
  themed(document.querySelector(".theme"));
  printed();
  let width = innerWidth, waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a telephone's address bar comes and goes
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(redraw, 120);
  });
  redraw();
}
