// The rows that were chosen: side by side as curves, and each with its plan, its settings and where it comes from.

function startChosen() {
  $("to-chosen").addEventListener("click", () => goTo("chosen"));
  onChange(["rows"], () => {
    $("to-chosen").hidden = !state.rows.length;
    $("to-chosen").textContent = `${counted(state.rows.length, "row")} chosen, shown below ↓`;
  });
  onChange(["rows", "theme"], async () => {
    const body = $("chosen-body");
    const wanted = state.rows.join();
    if (!state.rows.length) {
      body.replaceChildren(el("p", { class: "hint" }, "Choose rows by their names in the table: their plans, training curves and settings stand here."));
      return;
    }
    const found = await details();
    if (wanted !== state.rows.join()) return; // another choice was made meanwhile
    const rows = state.rows.map((id) => rowsById.get(id));
    const opened = new Set([...body.querySelectorAll("details[open][data-part]")].map((one) => one.dataset.part));
    const closed = new Set([...body.querySelectorAll("details:not([open])[data-part]")].map((one) => one.dataset.part));
    const cards = rows.map((row) => card(row, found.of(row.id), found));
    body.replaceChildren(...comparison(rows, found), ...cards);
    for (const part of body.querySelectorAll("details[data-part]")) {
      if (opened.has(part.dataset.part)) part.open = true;
      if (closed.has(part.dataset.part)) part.open = false;
    }
    drawCurves(found);
  });
}

function card(row, records, found) {
  const board = boardOf(row);
  const first = records.find((record) => record.plan !== null) || records[0];
  const letGoOf = el("button", { type: "button", "aria-label": `Let go of ${rowTitle(row)}`, onclick: () => toggleRow(row.id) }, "Let go");
  return el(
    "article",
    { class: "card", "aria-label": rowTitle(row) },
    el("div", { class: "heading" }, el("h3", null, markIcon(row.method), rowTitle(row)), letGoOf),
    el("p", { class: "where" }, `${board.suite}: ${board.table}, ${whereOf(board)}`),
    row.notes.length > 0 && el("ul", { class: "notes" }, row.notes.map((note) => el("li", null, note))),
    terms([
      ["status", row.status],
      ...data.columns.filter((column) => column.main).map((column) => factOf(row, column, board)),
      ["knob", knobText(row.knob)], ["settings", settingsText(row.settings)],
    ]),
    ...failures(records),
    part(`${row.id}-plan`, "Layers: what was compressed, and how much", first && planView(first, found), true),
    ...records.map((record) => part(`${record.key}-record`, recordTitle(record, records), recordView(record, found), false)),
  );
}

const rowTitle = (row) => [row.method, row.budget].filter(Boolean).join(", ");

function factOf(row, column, board) {
  const title = columnTitle(column, [board]);
  const shown = numberParts(row, { ...column, index: columnIndex.get(column.key) });
  return [title.text, shown[0] === MISSING ? "" : el("span", null, shown, title.unit ? ` ${title.unit}` : "")];
}

/** Return a section that opens; `id` is kept so that what the reader opened stays open. */
function part(id, title, content, open) {
  return content ? el("details", { "data-part": id, open }, el("summary", null, title), content) : null;
}

/** Return why records are not ok; seeds that failed in the same way stand together. */
function failures(records) {
  const seeds = new Map();
  for (const record of records.filter((one) => one.failure)) {
    const text = JSON.stringify([record.status, record.failure]);
    seeds.set(text, [...(seeds.get(text) || []), record.seed]);
  }
  return [...seeds].map(([text, failed]) => {
    const [status, { type, message, stage, trace }] = JSON.parse(text);
    return el(
      "div",
      { class: "failure" },
      el("p", null, `seed ${failed.join(", ")}: ${status} while ${stage || "starting"}: ${type}: ${message}`),
      trace && el("pre", { tabindex: "0", "aria-label": "End of the traceback" }, trace),
    );
  });
}
