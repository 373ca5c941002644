// Training by epoch, and quality from the dense model to the deployed one, of all chosen rows together.

const MOMENTS = [
  ["start", "dense"], ["before", "before dec."], ["after", "after dec."], ["trained", "trained"],
  ["finished", "finished"], ["deployed", "deployed"],
];
/** Parts of an epoch's line that are no curve. */
const NO_CURVES = ["epoch", "seconds", "memory"];
const FIRST_CURVES = ["loss", "penalty", "lr"];

function comparison(rows, found) {
  const curves = curveNames(rows, found);
  const metrics = [...new Set(rows.map((row) => boardOf(row).metric))];
  const figures = (names, prefix) => names.map((name) => el(
    "figure",
    null,
    el("figcaption", null, prefix === "quality" ? `Quality by moment: ${name}` : `Training: ${name} by epoch`),
    el("div", { class: "figure small", role: "img", "data-figure": `${prefix} ${name}`, "aria-label": `${name}, ${rows.map(rowTitle).join("; ")}` }),
  ));
  return [
    el("div", { class: "figures" }, figures(metrics, "quality"), figures(curves, "curve")),
    el("div", { class: "scroll", role: "region", "aria-label": "Quality by moment, scrolls sideways", tabindex: "0" }, momentTable(rows, found)),
  ];
}

/** Return the curves that the chosen rows have, loss first; left out are those of nothing but zeros, and rates of one epoch. */
function curveNames(rows, found) {
  const names = new Set();
  for (const record of rows.flatMap((row) => found.of(row.id))) {
    for (const [name, index] of Object.entries(record.training?.history || {})) {
      const values = found.get(index);
      const said = values.filter((one) => typeof one === "number" && one !== 0);
      if (!NO_CURVES.includes(name) && said.length > (name === "lr" ? 1 : 0)) names.add(name);
    }
  }
  const place = (name) => (FIRST_CURVES.includes(name) ? FIRST_CURVES.indexOf(name) : 0.5);
  return [...names].sort((a, b) => place(a) - place(b));
}

/** Return a record's main quality at a moment. */
function qualityAt(record, moment) {
  const values = moment in { before: 1, after: 1 } ? record.decomposition?.[moment] : record.quality[moment];
  return values && Object.hasOwn(values, record.metric) ? values[record.metric] : null;
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

function drawCurves(rows, found) {
  for (const node of $("chosen-body").querySelectorAll("[data-figure]")) {
    const [kind, ...words] = node.dataset.figure.split(" ");
    const name = words.join(" ");
    const isQuality = kind === "quality";
    const make = () => ({
      traces: isQuality ? qualityTraces(rows, found, name) : curveTraces(rows, found, name),
      layout: {
        xaxis: axis(isQuality ? "" : "epoch", isQuality ? { type: "category" } : { rangemode: "tozero" }),
        yaxis: axis(isQuality ? `${name} ${unitOf(rows, name)}` : name, { type: name === "lr" ? "log" : "linear" }),
        height: 300,
      },
    });
    drawFigure(node, make);
  }
}

const unitOf = (rows, metric) => rows.map(boardOf).find((board) => board.metric === metric)?.unit || "";

/** Rows of one method are told apart by their dashes. */
function lineOf(rows, row) {
  const same = rows.filter((other) => other.method === row.method);
  return { color: colour(markOf(row.method).name), width: 2, dash: ["solid", "dash", "dot", "dashdot"][same.indexOf(row) % 4] };
}

function traceOf(rows, row, x, y, label) {
  return {
    x, y, mode: "lines+markers", line: lineOf(rows, row), hoverinfo: "text", connectgaps: true,
    marker: { symbol: markOf(row.method).shape[0], size: x.length > 30 ? 4 : 8, color: colour(markOf(row.method).name) },
    text: x.map((at, index) => hoverText([label, `${at}: ${plain(y[index])}`])),
  };
}

function qualityTraces(rows, found, metric) {
  return rows.filter((row) => boardOf(row).metric === metric).map((row) => {
    const values = MOMENTS.map(([moment]) => meanAt(found.of(row.id), moment));
    const kept = MOMENTS.map(([, title], index) => [title, values[index]]).filter(([, one]) => one !== null);
    return traceOf(rows, row, kept.map(([title]) => title), kept.map(([, one]) => one), rowTitle(row));
  });
}

function curveTraces(rows, found, name) {
  return rows.flatMap((row) => found.of(row.id).flatMap((record) => {
    const history = record.training?.history;
    if (!history || !Object.hasOwn(history, name)) return [];
    const values = found.get(history[name]);
    const epochs = Object.hasOwn(history, "epoch") ? found.get(history.epoch) : values.map((_, index) => index + 1);
    return [traceOf(rows, row, epochs, values, `${rowTitle(row)}, seed ${record.seed}`)];
  }));
}
