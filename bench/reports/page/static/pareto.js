// Quality against cost of one board's rows: both numbers are of one model, one data set and one machine.

function startPareto() {
  const form = $("axes");
  form.addEventListener("submit", (event) => event.preventDefault());
  onChange([...FILTERS, "keep", "rows", "board", "x", "y", "logx", "logy", "published", "theme"], () => {
    const rows = shownRows();
    const boards = [...new Set(rows.map((row) => row.board))].map((index) => data.boards[index]);
    const board = boards.find((one) => one.id === state.board) || boards[0];
    const axes = board && plotAxes(rows, board);
    renderAxes(form, boards, board, axes);
    renderLegend(axes ? axes.rows : []);
    renderPareto(board, axes);
  });
}

/** Return the axes that this board's rows have numbers for, those asked for if they can be had, and the rows. */
function plotAxes(rows, board) {
  const own = rows.filter((row) => boardOf(row) === board);
  const having = (side) =>
    data.columns.filter((column) => column.axis === side && own.some((row) => value(row, column.key) !== null));
  const [xs, ys] = [having("x"), having("y")];
  const pick = (list, key, usual) => list.find((one) => one.key === key) || list.find((one) => one.key === usual) || list[0];
  const [x, y] = [pick(xs, state.x, "conv_weights_percent"), pick(ys, state.y, "final")];
  const points = x && y ? own.filter((row) => value(row, x.key) !== null && value(row, y.key) !== null) : [];
  return { x, y, xs, ys, rows: points, all: own, higher: y?.key === "drop" ? false : board.higher };
}

function renderAxes(form, boards, board, axes) {
  const fields = [];
  if (boards.length > 1) {
    const names = boards.map((one) => [one.id, `${one.suite}: ${one.table}, ${whereOf(one)}`]);
    fields.push(select("board", "Table", names, board.id, (id) => change({ board: id })));
  }
  if (axes?.x && axes.y) {
    const options = (columns) => columns.map((column) => [column.key, axisTitle(column, board)]);
    fields.push(select("x", "Cost", options(axes.xs), axes.x.key, (key) => change({ x: key })));
    fields.push(select("y", "Quality", options(axes.ys), axes.y.key, (key) => change({ y: key })));
    fields.push(flag("logx", "log cost"), flag("logy", "log quality"));
    if (publishedOf(board).length) fields.push(flag("published", "published points"));
  }
  keepFocus(() => form.replaceChildren(...fields));
}

function flag(name, text) {
  const box = el("input", {
    type: "checkbox", checked: state[name] === "1", id: `choose-${name}`,
    onchange: () => change({ [name]: box.checked ? "1" : "" }),
  });
  return el("label", { class: "check" }, box, text);
}

function axisTitle(column, board) {
  const title = columnTitle(column, [board]);
  const dense = column.axis === "x" && column.unit === "%" ? "% of dense" : title.unit;
  return dense ? `${title.text}, ${dense}` : title.text;
}

function renderLegend(rows) {
  const methods = data.methods.filter((method) => rows.some((row) => row.method === method));
  const keys = methods.map((method) => el(
    "button",
    {
      type: "button", class: isFaded(method) ? "key faded" : "key", id: `keep-${data.methods.indexOf(method)}`,
      "aria-pressed": String(state.keep.includes(method)), onclick: () => toggleKept(method),
    },
    markIcon(method),
    el("span", null, method),
  ));
  keepFocus(() => $("legend").replaceChildren(...keys));
}

function renderPareto(board, axes) {
  const node = $("pareto");
  const ready = Boolean(axes?.rows.length);
  node.hidden = !ready;
  $("pareto-caption").textContent = ready ? paretoCaption(board, axes) : "No row shown has both a cost and a quality to plot.";
  if (!ready) return;
  const best = paretoFront(axes).map((row) => `${row.method} ${row.budget}`.trim());
  node.setAttribute("aria-label", `${paretoCaption(board, axes)} On the front: ${best.join(", ")}. The table has the numbers.`);
  drawFigure(node, () => ({ traces: paretoTraces(board, axes), layout: paretoLayout(board, axes) }), (event) => {
    const method = event.points[0]?.data.meta;
    if (data.methods.includes(method)) toggleKept(method);
  });
}

function paretoCaption(board, axes) {
  const bars = [];
  if (axes.rows.some((row) => row.low[columnIndex.get(axes.x.key)] !== null)) bars.push("bars across: the interval of the time");
  if (axes.rows.some((row) => row.sd[columnIndex.get(axes.y.key)] !== null)) bars.push("bars upright: standard deviation over seeds");
  const hollow = publishedTraces(board, axes).length && state.published ? ["hollow: published by the papers"] : [];
  const parts = ["dotted: the rows that no other dominates", ...bars, ...hollow];
  return `${board.table} on ${whereOf(board)}, ${counted(axes.rows.length, "row")}; ${parts.join("; ")}.`;
}

function paretoLayout(board, axes) {
  const positive = axes.rows.every((row) => value(row, axes.y.key) > 0);
  return {
    xaxis: axis(axisTitle(axes.x, board), { type: state.logx ? "log" : "linear" }),
    yaxis: axis(axisTitle(axes.y, board), {
      type: state.logy && positive ? "log" : "linear",
      autorange: axes.higher ? true : "reversed",
    }),
    annotations: drawnHeight(axes).notes.map((note) => (state.logy && positive ? { ...note, y: Math.log10(note.y) } : note)),
    height: 460,
  };
}

/** Return how high a row is drawn: an infinite quality stands beyond all finite ones, where the axis says so. */
function drawnHeight(axes) {
  const heights = axes.rows.map((row) => value(row, axes.y.key));
  const spread = (row) => row.sd[columnIndex.get(axes.y.key)] || 0;
  const finite = axes.rows.flatMap((row, index) => [heights[index] - spread(row), heights[index] + spread(row)]).filter(Number.isFinite);
  const [low, high] = finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 0];
  const beyond = 0.15 * (high - low) || 0.15 * Math.abs(high) || 1;
  const of = (height) => (height === Infinity ? high + beyond : height === -Infinity ? low - beyond : height);
  const ends = [...new Set(heights.filter((height) => Math.abs(height) === Infinity))];
  const notes = ends.map((end) => ({
    xref: "paper", x: 1, xanchor: "left", yref: "y", y: of(end), text: number(end, 0), showarrow: false,
  }));
  return { of, notes };
}

/** Return the rows that no other dominates, from small to large cost; equal ones together, as in bench/ranking. */
function paretoFront({ rows, x, y, higher }) {
  const sign = higher ? 1 : -1;
  const points = rows.map((row) => ({ row, cost: value(row, x.key), quality: sign * value(row, y.key) }));
  points.sort((a, b) => a.cost - b.cost || b.quality - a.quality);
  const front = [];
  for (const point of points) {
    const last = front[front.length - 1];
    const equal = last && last.cost === point.cost && last.quality === point.quality;
    if (!last || point.quality > last.quality || equal) front.push(point);
  }
  return front.map((point) => point.row);
}

function paretoTraces(board, axes) {
  const front = paretoFront(axes);
  const { of } = drawnHeight(axes);
  const traces = [{
    x: front.map((row) => value(row, axes.x.key)), y: front.map((row) => of(value(row, axes.y.key))),
    mode: "lines", line: { color: colour("dim"), width: 1.5, dash: "dot", shape: "hv" }, hoverinfo: "skip", meta: null,
  }];
  for (const method of new Set(axes.rows.map((row) => row.method))) {
    traces.push(methodTrace(method, axes.rows.filter((row) => row.method === method), axes, board));
  }
  if (state.published) traces.push(...publishedTraces(board, axes));
  return traces;
}

function methodTrace(method, rows, axes, board) {
  const { x, y } = axes;
  const { of } = drawnHeight(axes);
  const sorted = rows.slice().sort((a, b) => value(a, x.key) - value(b, x.key));
  const mark = markOf(method);
  const [xi, yi] = [columnIndex.get(x.key), columnIndex.get(y.key)];
  const error = (plus, minus) => ({
    type: "data", symmetric: false, array: plus, arrayminus: minus, thickness: 1, width: 3, color: colour(mark.name),
  });
  const trace = {
    x: sorted.map((row) => row.values[xi]),
    y: sorted.map((row) => of(row.values[yi])),
    mode: new Set(sorted.map((row) => row.budget.split("=")[0])).size === 1 ? "lines+markers" : "markers",
    meta: method,
    opacity: isFaded(method) ? 0.16 : 1,
    line: { color: colour(mark.name), width: state.keep.includes(method) ? 2 : 1 },
    marker: {
      opacity: 1, symbol: mark.shape[0], size: sorted.map((row) => (state.rows.includes(row.id) ? 15 : 11)), color: colour(mark.name),
      line: { color: sorted.map((row) => colour(state.rows.includes(row.id) ? "ink" : "paper")), width: 1.5 },
    },
    hoverinfo: "text",
    text: sorted.map((row) => hoverText(pointLines(row, x, y, board))),
  };
  if (sorted.some((row) => row.low[xi] !== null)) {
    trace.error_x = error(sorted.map((row) => row.high[xi] - row.values[xi]), sorted.map((row) => row.values[xi] - row.low[xi]));
  }
  if (sorted.some((row) => row.sd[yi] !== null)) {
    const sd = sorted.map((row) => row.sd[yi] || 0);
    trace.error_y = error(sd, sd);
  }
  return trace;
}

function pointLines(row, x, y, board) {
  const shown = (column) => {
    const index = columnIndex.get(column.key);
    const interval = row.low[index] === null ? "" : ` [${number(row.low[index], 2)}, ${number(row.high[index], 2)}]`;
    const spread = row.sd[index] === null ? "" : ` ±${number(row.sd[index], 2)}`;
    return `${axisTitle(column, board)}: ${number(row.values[index], 2)}${interval}${spread}`;
  };
  const settings = settingsText(row.settings);
  return [
    [row.method, row.budget].filter(Boolean).join(", "), shown(x), shown(y), knobText(row.knob), settings,
    row.status === "ok" ? "" : row.status, ...row.notes.slice(0, 2),
  ];
}
