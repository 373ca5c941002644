// Training by epoch, and quality from the dense model to the deployed one, of all chosen rows together.

const MOMENTS = [
  ["start", "dense"], ["before", "before dec."], ["after", "after dec."], ["trained", "trained"],
  ["finished", "finished"], ["deployed", "deployed"],
];
/** Parts of an epoch's line that are no curve. */
const NO_CURVES = ["epoch", "seconds", "memory"];
const FIRST_CURVES = ["loss", "penalty", "lr"];

/** Return figures of each board, as numbers of different data do not compare, and a table of all. */
function comparison(rows, found) {
  const boards = [...new Set(rows.map((row) => row.board))];
  const figures = boards.flatMap((board) => boardFigures(rows.filter((row) => row.board === board), found, boards.length > 1));
  const label = "Quality by moment, scrolls sideways";
  return [
    el("div", { class: "figures" }, figures),
    el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, momentTable(rows, found)),
  ];
}

function boardFigures(rows, found, named) {
  const board = boardOf(rows[0]);
  const where = named ? `, ${board.table}` : "";
  const curves = curveNames(rows, found);
  const figure = (kind, name, title) => {
    const label = `${title}${where}: ${rows.map(rowTitle).join("; ")}`;
    const plot = el("div", { class: "figure small", role: "img", "aria-label": label, "data-kind": kind, "data-curve": name });
    plot.rows = rows;
    return el("figure", null, el("figcaption", null, title, el("span", null, where)), plot);
  };
  return [
    figure("quality", board.metric, `Quality by moment: ${board.metric}`),
    ...curves.map((name) => figure("curve", name, `Training: ${name} by epoch`)),
    !curves.length && el("p", { class: "hint" }, `Training${where}: the records have one epoch at most, which is no curve.`),
  ];
}

/** Return the curves that the chosen rows have, loss first; left out are those of one epoch, and of nothing but zeros. */
function curveNames(rows, found) {
  const names = new Set();
  for (const record of rows.flatMap((row) => found.of(row.id))) {
    for (const [name, index] of Object.entries(record.training?.history || {})) {
      const values = found.get(index);
      const said = values.filter((one) => typeof one === "number" && one !== 0);
      if (!NO_CURVES.includes(name) && said.length > 1) names.add(name);
    }
  }
  const place = (name) => (FIRST_CURVES.includes(name) ? FIRST_CURVES.indexOf(name) : 0.5);
  return [...names].sort((a, b) => place(a) - place(b));
}

/** Return a record's main quality at a moment. */
function qualityAt(record, moment) {
  const values = moment in { before: 1, after: 1 } ? record.decomposition?.[moment] : record.quality[moment];
  return values && Object.hasOwn(values, record.metric) ? score(values[record.metric]) : null;
}

function meanAt(records, moment) {
  const known = records.map((record) => qualityAt(record, moment)).filter((one) => typeof one === "number");
  return known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : null;
}

function momentTable(rows, found) {
  const head = [el("th", { scope: "col" }, "quality"), MOMENTS.map(([, title]) => el("th", { scope: "col", class: "num" }, title))];
  const body = rows.map((row) => {
    const board = boardOf(row);
    const cells = MOMENTS.map(([moment]) => el("td", { class: "num" }, number(meanAt(found.of(row.id), moment), 2)));
    const title = `${rowTitle(row)}: ${board.metric}${board.unit ? ` in ${board.unit}` : ""}`;
    return el("tr", null, el("th", { scope: "row" }, markIcon(row.method), title), cells);
  });
  return el("table", { class: "moments" }, el("thead", null, el("tr", null, head.flat())), el("tbody", null, body));
}

function drawCurves(found) {
  for (const node of $("chosen-body").querySelectorAll("[data-curve]")) {
    const { kind, curve } = node.dataset;
    drawFigure(node, () => (kind === "quality" ? qualityFigure(node.rows, found) : curveFigure(node.rows, found, curve)));
  }
}

function qualityFigure(rows, found) {
  const { metric, unit } = boardOf(rows[0]);
  const ticks = { tickvals: MOMENTS.map((_, index) => index), ticktext: MOMENTS.map(([, title]) => title.replace(" ", "<br>")), tickfont: { size: 11 }, autotickangles: [0, 40] };
  const layout = { xaxis: axis("", ticks), yaxis: axis(`${metric} ${unit}`), height: 300 };
  return { traces: rows.map((row) => qualityTrace(rows, row, found)), layout };
}

function curveFigure(rows, found, name) {
  const xaxis = axis("epoch", { rangemode: "tozero" });
  const yaxis = axis(name, { type: name === "lr" ? "log" : "linear", exponentformat: "power" });
  return { traces: curveTraces(rows, found, name), layout: { xaxis, yaxis, height: 300 } };
}

/** Rows of one method are told apart by their dashes. */
function lineOf(rows, row) {
  const same = rows.filter((other) => other.method === row.method);
  return { color: colour(markOf(row.method).name), width: 2, dash: ["solid", "dash", "dot", "dashdot"][same.indexOf(row) % 4] };
}

function traceOf(rows, row, x, y, labels) {
  return {
    x, y, mode: "lines+markers", line: lineOf(rows, row), hoverinfo: "text", connectgaps: true,
    marker: { symbol: markOf(row.method).shape[0], size: x.length > 30 ? 4 : 8, color: colour(markOf(row.method).name) },
    text: labels.map((label, index) => hoverText([rowTitle(row), `${label}: ${plain(y[index])}`])),
  };
}

function qualityTrace(rows, row, found) {
  const known = MOMENTS.map(([moment, title], index) => [index, meanAt(found.of(row.id), moment), title]).filter(([, one]) => one !== null);
  return traceOf(rows, row, ...[0, 1, 2].map((part) => known.map((one) => one[part])));
}

function curveTraces(rows, found, name) {
  return rows.flatMap((row) => found.of(row.id).flatMap((record) => {
    const history = record.training?.history;
    if (!history || !Object.hasOwn(history, name)) return [];
    const values = found.get(history[name]);
    const epochs = Object.hasOwn(history, "epoch") ? found.get(history.epoch) : values.map((_, index) => index + 1);
    return [traceOf(rows, row, epochs, values, epochs.map((epoch) => `seed ${record.seed}, epoch ${epoch}`))];
  }));
}
