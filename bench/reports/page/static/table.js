// The table: a body for each board, sorted within it, since numbers of different boards do not compare.

/** Rows made before the first painting, and in each step after it. */
const FIRST_ROWS = 80;
const MORE_ROWS = 160;
let rendering = 0;

function startTable() {
  const table = el("table", { "aria-labelledby": "table-heading" }, el("thead"));
  $("scroll").replaceChildren(table);
  const all = $("all-columns");
  all.addEventListener("change", () => change({ columns: all.checked ? "all" : "" }));
  table.addEventListener("keydown", moveBetweenRows);
  onChange([...FILTERS, "sort", "order", "columns"], () => {
    all.checked = state.columns === "all";
    renderTable(table);
  });
  onChange(["rows", "keep"], () => markRows(table));
}

function renderTable(table) {
  const rows = shownRows();
  const columns = visibleColumns(rows);
  const boards = [...new Set(rows.map((row) => row.board))].map((index) => data.boards[index]);
  const compared = rows.filter((row) => !row.dense).length;
  const all = data.rows.filter((row) => !row.dense).length;
  const whole = `${counted(all, "row")} beside ${counted(data.rows.length - all, "dense model")}`;
  $("count").textContent = compared === all ? whole : `${number(compared, 0)} of ${counted(all, "row")}`;
  const head = headRow(columns, boards);
  const bodies = boards.map((board) => {
    const own = rows.filter((row) => boardOf(row) === board).sort(rowOrder(board));
    return { body: el("tbody", null, boardRow(board, own, columns.length)), own };
  });
  keepFocus(() => table.replaceChildren(el("thead", null, head), ...bodies.map((one) => one.body)));
  keepInView(table);
  if (!rows.length) table.append(el("tbody", null, el("tr", null, el("td", { class: "none" }, "No row matches the filters."))));
  fillBodies(table, bodies, columns);
}

/** Tell the style sheet where the table's name and its dense row stop below the head while their rows scroll by. */
function keepInView(table) {
  const [head, title] = [table.tHead, table.querySelector(".board-row")];
  table.style.setProperty("--head", `${head.offsetHeight}px`);
  table.style.setProperty("--title", `${title ? title.offsetHeight : 0}px`);
}

/** Make the rows, the first at once and the others in steps, so that the page answers meanwhile. */
function fillBodies(table, bodies, columns) {
  const mine = (rendering += 1);
  const work = bodies.flatMap(({ body, own }) => own.map((row) => [body, row]));
  let done = 0;
  const step = (count) => {
    if (mine !== rendering) return;
    for (const [body, row] of work.slice(done, done + count)) body.append(tableRow(row, columns));
    done += count;
    if (done < work.length) return void setTimeout(step, 0, MORE_ROWS);
    markRows(table);
  };
  step(FIRST_ROWS);
  if (done < work.length) markRows(table);
}

function headRow(columns, boards) {
  return el("tr", null, columns.map((column) => {
    const title = isNumber(column) ? columnTitle(column, boards) : { text: column.heading, unit: "" };
    const sorted = state.sort === column.key ? state.order || firstOrder(column) : "";
    const button = el(
      "button",
      { type: "button", id: `sort-${column.key.replace(/\s/g, "_")}`, "data-sort": column.key, "data-about": column.about, onclick: () => sortBy(column) },
      el("span", null, title.text),
      title.unit && el("span", { class: "unit" }, ` ${title.unit}`),
      el("span", { class: "arrow", "aria-hidden": "true" }, { up: "▲", down: "▼" }[sorted] || ""),
    );
    const aria = { up: "ascending", down: "descending" }[sorted] || "none";
    const kind = isNumber(column) ? "num" : column.wide ? "wide" : "";
    return el("th", { scope: "col", class: kind, "aria-sort": aria }, button);
  }));
}

/** First click: best first; second: the other way; third: the leaderboard's own order. */
function sortBy(column) {
  const first = firstOrder(column);
  const second = first === "up" ? "down" : "up";
  if (state.sort !== column.key) change({ sort: column.key, order: first });
  else change(state.order === second ? { sort: "", order: "" } : { order: second });
}

function boardRow(board, rows, width) {
  const direction = board.higher ? "higher is better" : "lower is better";
  const unit = board.unit ? ` in ${board.unit}` : "";
  const title = el(
    "span",
    { class: "board" },
    el("b", null, board.table),
    el("span", null, board.suite),
    el("span", null, whereOf(board)),
    el("span", null, `quality: ${board.metric}${unit}, ${direction}`),
    el("span", null, counted(rows.filter((row) => !row.dense).length, "row")),
  );
  return el("tr", { class: "board-row" }, el("th", { colspan: width, scope: "rowgroup" }, title));
}

function tableRow(row, columns) {
  const cells = columns.map((column) => {
    if (column === METHOD) return methodCell(row);
    if (isNumber(column)) return el("td", { class: "num" }, numberParts(row, column));
    const text = column.text(row) || (row.dense && column.key !== "notes" ? "" : MISSING);
    if (column.key === "status") return el("td", null, el("span", { class: `status ${row.status === "ok" ? "ok" : "bad"}` }, text));
    return el("td", { class: column.wide ? "wide" : "" }, column.wide ? el("span", { class: "clamp" }, text) : text);
  });
  return el("tr", { "data-row": row.id, "data-method": row.method, class: row.dense ? "dense" : "" }, cells);
}

function methodCell(row) {
  const button = el(
    "button",
    { type: "button", class: "name", tabindex: "-1", "aria-pressed": "false", onclick: () => toggleRow(row.id) },
    markIcon(row.method),
    el("span", null, row.method),
  );
  const lacks = row.status !== "ok" && row.notes.length;
  return el("th", { scope: "row" }, button, lacks && el("span", { class: "reason", "data-about": row.notes[0] }, row.notes[0]));
}

/** Show which rows are chosen and which methods are kept, without making the rows anew. */
function markRows(table) {
  const rows = [...table.querySelectorAll("tr[data-row]")];
  for (const row of rows) {
    const chosen = state.rows.includes(row.dataset.row);
    const kept = state.keep.includes(row.dataset.method);
    row.classList.toggle("chosen", chosen);
    row.classList.toggle("kept", kept);
    row.classList.toggle("faded", state.keep.length > 0 && !kept && !row.classList.contains("dense"));
    row.querySelector(".name").setAttribute("aria-pressed", String(chosen));
  }
  // one stop for the tab key: arrows go on from there
  if (rows.length && !table.querySelector('.name[tabindex="0"]')) rows[0].querySelector(".name").tabIndex = 0;
}

function moveBetweenRows(event) {
  if (!event.target.classList.contains("name")) return;
  const names = [...event.currentTarget.querySelectorAll(".name")];
  const at = names.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 }[event.key];
  if (to === undefined || !names[to]) return;
  event.preventDefault();
  for (const name of names) name.tabIndex = -1;
  names[to].tabIndex = 0;
  names[to].focus();
}
