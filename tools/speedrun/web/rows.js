// The table of a track's rows: sorted by any column, filtered by text and evidence, each with its reasons and runs.

const cell = (text, order, className = "") => {
  const made = element("td", { className }, text);
  if (order !== null && order !== undefined && order !== "") made.dataset.order = String(order);
  return made;
};

function verdictMark(verdict) {
  const space = "http://www.w3.org/2000/svg";
  const mark = document.createElementNS(space, "svg"), use = document.createElementNS(space, "use");
  mark.setAttribute("class", `mark ${keyOf(verdict)}`);
  mark.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#mark-${keyOf(verdict)}`);
  mark.append(use);
  return mark;
}

const ORDER = Object.keys(VERDICTS);
const known = (value, text) => (value === null || value === undefined ? "–" : text(value));

function mainCells(row, open) {
  const evidence = row.evidence || {}, unit = row.claims === "steps" ? "steps" : "min";
  const claimed = row.claims === null ? null : row[row.claims];
  const verdict = cell("", ORDER.indexOf(row.verdict), "words");
  verdict.append(verdictMark(row.verdict), row.verdict);
  const what = cell("", row.description, "words what");
  what.append(row.description, element("small", { textContent: row.contributors }));
  return [
    cell(open, row.record),
    cell(known(claimed, (value) => `${number(value)} ${unit}`), claimed),
    cell(row.date || "–", row.date),
    what,
    verdict,
    cell(known(evidence.n, String), evidence.n),
    cell(known(evidence.mean, (value) => plusMinus(value, evidence.std, 4)), evidence.mean),
    cell(known(evidence.p, (p) => (p < 0.0001 ? "< 0.0001" : p.toPrecision(2))), evidence.p),
    cell(known(evidence.minutes, (value) => plusMinus(value, evidence.minutes_std, 3)), evidence.minutes),
    cell(row.link.state === "none" ? "no link" : row.link.state, row.link.state, "words"),
  ];
}

function linkText({ state: found, path, written }) {
  if (found === "none") return "the row links no log";
  if (found === "dead") return `dead: ${written}`;
  return found === "elsewhere" ? `${written} is not there; one of that name is at ${path}` : path || written;
}

function logText(log) {
  const machine = log.gpu ? `${log.gpu_count ? `${log.gpu_count} × ` : ""}${log.gpu}` : null;
  const minutes = known(log.minutes, (value) => `${number(value)} minutes`);
  const step = known(log.step, (value) => `step ${number(value)}`);
  const parts = [known(log.loss, (loss) => `loss ${loss}`), minutes, step, known(machine, String)];
  return parts.filter((part) => part !== "–").join(", ") || "no figures";
}

function facts(row) {
  const found = [["claim", `${claimText(row)}${row.hardware ? ` on ${row.hardware}` : ""}, target ${row.target}`]];
  if (row.stated.mean !== null) found.push(["the table states", `mean ${row.stated.mean}, n = ${row.stated.n ?? "–"}`]);
  found.push(["link", linkText(row.link)]);
  if (row.log) found.push(["linked log", logText(row.log)]);
  const evidence = row.evidence;
  if (evidence) {
    found.push([`judged by ${evidence.column}`, evidenceText(evidence)]);
    if (evidence.power !== null) {
      const needed = evidence.needed === null ? "" : `; ${evidence.needed} runs in all would give 80%`;
      found.push(["power of the test", `${(100 * evidence.power).toFixed(0)}%${needed}`]);
    }
    if (evidence.minutes !== null) {
      found.push(["mean of logs’ time", `${plusMinus(evidence.minutes, evidence.minutes_std, 3)} minutes`]);
    }
    if (evidence.left_out.length) found.push(["left out", evidence.left_out.join("; ")]);
  }
  if (row.exempt) found.push(["exempt", row.exempt]);
  return found;
}

function runsTable(row) {
  const headings = ["run", "step", "loss", "minutes"];
  const head = element("tr", {}, ...headings.map((text) => element("th", { scope: "col", textContent: text })));
  const lines = row.runs.run.map((index, i) => {
    const run = DATA.runs[index], seconds = row.runs.seconds[i];
    const name = run.path + (run.index ? `, run ${run.index + 1}` : "");
    const minutes = known(seconds, (value) => number(value / 60));
    const texts = [name, number(row.runs.step[i]), known(row.runs.loss[i], String), minutes];
    return element("tr", {}, ...texts.map((text) => element("td", { textContent: text })));
  });
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
  return element("div", { className: "runs", tabIndex: 0 }, table);
}

function detail(row) {
  const list = element("dl", {}, ...facts(row).flatMap(([name, text]) =>
    [element("dt", { textContent: name }), element("dd", { textContent: text })]));
  const box = element("div", { className: "detail" },
    element("ul", {}, ...row.reasons.map((reason) => element("li", { textContent: reason }))), list);
  if (row.runs.run.length) {
    const show = element("button", { type: "button", className: "show", textContent: "Show its loss curves" });
    show.addEventListener("click", () => {
      addCurves(row.id);
      chips();
      drawCurves();
      document.getElementById("curves-title").scrollIntoView();
    });
    box.append(runsTable(row), show);
  }
  return box;
}

function toggle(body, row, wanted) {
  const button = body.querySelector(".open"), more = body.rows[1];
  const opened = wanted ?? more.hidden;
  if (opened && !more.cells[0].childNodes.length) more.cells[0].append(detail(row));
  more.hidden = !opened;
  button.setAttribute("aria-expanded", String(opened));
}

function rowBody(row) {
  const open = element("button", { type: "button", className: "open", textContent: String(row.record) });
  open.setAttribute("aria-expanded", "false");
  open.setAttribute("aria-label", `Record ${row.record}: reasons and runs`);
  const more = element("tr", { className: "more", hidden: true }, element("td", { colSpan: 10 }));
  const body = element("tbody", { id: `row-${row.id}` }, element("tr", {}, ...mainCells(row, open)), more);
  body.rows[0].addEventListener("click", () => { if (!String(getSelection())) toggle(body, row); });
  return body;
}

function fillRows() {
  const table = document.getElementById("rows");
  for (const body of [...table.tBodies]) body.remove();
  for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
  table.append(...trackRows().map(rowBody));
  filterRows();
}

function filterRows() {
  const words = document.getElementById("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdict = document.getElementById("verdict").value, rows = trackRows();
  let shown = 0;
  for (const row of rows) {
    const texts = [row.record, row.date, day(row.date), row.description, row.contributors, row.verdict, ...row.reasons];
    const text = texts.join(" ").toLowerCase();
    const wanted = (!verdict || row.verdict === verdict) && words.every((word) => text.includes(word));
    document.getElementById(`row-${row.id}`).hidden = !wanted;
    shown += wanted;
  }
  const count = shown === rows.length ? rows.length : `${shown} of ${rows.length}`;
  document.getElementById("count").textContent = `${count} rows`;
}

function openRow(id) {
  const body = document.getElementById(`row-${id}`);
  body.hidden = false;
  toggle(body, DATA.rows[id], true);
  body.scrollIntoView({ block: "center" });
  body.querySelector(".open").focus({ preventScroll: true });
}
