// The ladder's chart: a bar for each milestone's mean time to target, a dot for each run, the speedup beside it.

function ladderText(rung, target) {
  const spread = rung.std === null ? "" : ` ± ${duration(rung.std)}`;
  const lines = [`<b>${plain(rung.name)}</b>`];
  lines.push(`${duration(rung.mean)}${spread} to ${target}, n = ${rung.times.length}`);
  if (rung.speedup) lines.push(`${plain(rung.speedup)} over the anchor`);
  if (rung.gain) lines.push(`${plain(rung.gain)} over the milestone before`);
  if (rung.standing) lines.push(plain(rung.standing));
  return lines.join("<br>");
}

function ladderTraces(climb, unit) {
  const names = climb.rungs.map((_, i) => i), fill = climb.rungs.map((rung) => faded(rung.color, 0.28));
  const dots = climb.rungs.flatMap((rung, i) => rung.times.map((time) => [time / unit, i, rung.color]));
  const text = climb.rungs.map((rung) => ladderText(rung, climb.label));
  return [
    { type: "bar", orientation: "h", x: climb.rungs.map((rung) => rung.mean / unit), y: names, width: 0.56, text,
      textposition: "none", marker: { color: fill }, hovertemplate: "%{text}<extra></extra>",
      error_x: { type: "data", array: climb.rungs.map((rung) => (rung.std || 0) / unit), thickness: 1.2, width: 4,
        color: color("soft") } },
    { x: dots.map(([x]) => x), y: dots.map(([, y]) => y), mode: "markers", hoverinfo: "skip",
      marker: { size: 6, color: dots.map(([, , name]) => color(name)), opacity: 0.75 } },
  ];
}

function ladderLayout(chart, climb, unit, unitName) {
  const narrow = chart.clientWidth < 620;
  const end = most(climb.rungs.flatMap((rung) => [rung.mean + (rung.std || 0), ...rung.times])) / unit;
  const notes = climb.rungs.flatMap((rung, i) => {
    const right = { xref: "x", yref: "y", y: i, xanchor: "left", showarrow: false, xshift: 12,
      x: Math.max(rung.mean + (rung.std || 0), ...rung.times) / unit,
      text: plain(narrow ? rung.brief : rung.speedup || ""), font: { size: 12.5, color: color("ink") } };
    const above = { xref: "paper", x: 0, yref: "y", y: i - 0.3, yanchor: "bottom", xanchor: "left", showarrow: false,
      text: plain(shortened(rung.name, 44, 1)[0]), font: { size: 12, color: color("ink") } };
    return narrow ? [right, above] : [right];
  });
  const labels = climb.rungs.map((rung) => shortened(rung.name, 28, 2).map(plain).join("<br>"));
  return {
    ...looks(chart),
    margin: { l: narrow ? 4 : 210, r: 8, t: narrow ? 18 : 4, b: 44 },
    height: climb.rungs.length * (narrow ? 52 : 38) + 60,
    xaxis: { ...axisLooks(), range: [0, end * (narrow ? 1.3 : 1.22)], nticks: narrow ? 5 : 9, fixedrange: true,
      title: { text: `time to ${climb.label}${unitName}`, standoff: 10 } },
    yaxis: { ...axisLooks(), showgrid: false, fixedrange: true, range: [climb.rungs.length - 0.4, -0.7],
      tickvals: climb.rungs.map((_, i) => i), ticktext: labels, showticklabels: !narrow, ticklabelstandoff: 8 },
    annotations: notes,
    dragmode: false,
  };
}

function ladder(box) {
  const chart = box.querySelector(".chart"), group = box.querySelector(".choice");
  const climbs = DATA[box.dataset.chart].ladder;
  let shown = 0;
  const drawn = () => {
    const climb = climbs[shown], longest = most(climb.rungs.map((rung) => rung.mean));
    const [, unit, name] = AXES.time.units.find(([from]) => longest >= from);
    plot(chart, ladderTraces(climb, unit), ladderLayout(chart, climb, unit, name));
  };
  if (group) choice(group, (value) => { shown = Number(value); drawn(); });
  drawers.push(drawn);
}
