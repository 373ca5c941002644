// Which rows are shown.

const SELECTS = [
  ["suite", "Suite", "all suites"],
  ["table", "Model / data", "all"],
  ["machine", "Machine", "all machines"],
  ["budget", "Budget", "all budgets"],
  ["kind", "Kind", "all kinds"],
  ["status", "Status", "any status"],
];

/** Parts of the state that say which rows are shown. */
const FILTERS = [...SELECTS.map(([name]) => name), "q", "methods"];

/** Tell whether a row is shown. The dense row goes with its table: it is what the others are relative to. */
function isShown(row) {
  const board = boardOf(row);
  if (state.suite && board.suite !== state.suite) return false;
  if (state.table && board.table !== state.table) return false;
  if (state.machine && machineOf(board) !== state.machine) return false;
  if (row.dense) return true;
  if (state.kind && row.kind !== state.kind) return false;
  if (state.status && row.status !== state.status) return false;
  if (state.budget && row.budget !== state.budget) return false;
  if (state.methods.length && !state.methods.includes(row.method)) return false;
  return state.q.toLowerCase().split(/\s+/).every((word) => row.text.includes(word));
}

/** Return the rows shown, without tables in which only the dense row would be left of several. */
function shownRows() {
  const rows = data.rows.filter(isShown);
  const narrowed = ["kind", "status", "budget", "q"].some((name) => state[name]) || state.methods.length;
  if (!narrowed) return rows;
  const found = new Set(rows.filter((row) => !row.dense).map((row) => row.board));
  return rows.filter((row) => found.has(row.board));
}

function startFilters() {
  const form = $("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  const search = el("input", {
    type: "search", id: "search", placeholder: "method, setting, note …", autocomplete: "off", spellcheck: "false",
    oninput: () => change({ q: search.value }, { typing: true }),
  });
  const selects = el("div", { class: "fields" });
  const reset = el("button", { type: "button", onclick: resetFilters }, "Reset");
  const key = el("kbd", { "aria-hidden": "true" }, "/");
  form.append(el("div", { class: "field wide" }, el("label", { for: "search" }, "Search ", key), search));
  form.append(selects, methodChoice(), el("div", { class: "field" }, el("span", null, "\u00a0"), reset));
  onChange(FILTERS, () => {
    if (search.value !== state.q) search.value = state.q;
    keepFocus(() => selects.replaceChildren(...SELECTS.map(filterSelect).filter(Boolean)));
    reset.disabled = FILTERS.every((name) => state[name].length === 0);
  });
}

/** Return the select of one filter; none where the records leave no choice. */
function filterSelect([name, label, all]) {
  const values = choices(name).slice(1);
  if (values.length < 2) return null;
  const options = [["", all], ...values.map((one) => [one, one])];
  return select(name, label, options, state[name], (chosen) => change({ [name]: chosen }));
}

function methodChoice() {
  const summary = el("summary", null);
  const list = el("div", { class: "methods", role: "group", "aria-label": "Methods shown" });
  const boxes = data.methods.filter((method) => !isDense(method)).map((method) => {
    const box = el("input", {
      type: "checkbox", value: method, onchange: () => change({ methods: toggled(state.methods, method) }),
    });
    list.append(el("label", { class: "check" }, box, markIcon(method), el("span", null, method)));
    return box;
  });
  onChange(["methods"], () => {
    summary.textContent = state.methods.length ? `${state.methods.length} of ${boxes.length}` : "all methods";
    for (const box of boxes) box.checked = state.methods.includes(box.value);
  });
  const box = el("details", { class: "picker", id: "methods" }, summary, list);
  return el("div", { class: "field" }, el("span", null, "Methods"), box);
}

function resetFilters() {
  change(Object.fromEntries(FILTERS.map((name) => [name, DEFAULTS[name]])));
}
