// What the reader chose. It lives in the address after `#`, so that a link, a reload and the back button restore it.

const DEFAULTS = Object.freeze({
  suite: "", table: "", machine: "", kind: "", status: "", budget: "", q: "", methods: [], columns: "",
  sort: "", order: "", rows: [], keep: [], board: "", x: "", y: "", logx: "", logy: "", published: "1", theme: "",
});
const ALLOWED = { order: ["", "up", "down"], columns: ["", "all"], logx: ["", "1"], logy: ["", "1"], published: ["", "1"] };
const THEMES = ["", "light", "dark"];
const listeners = [];
let state = { ...DEFAULTS };

/** Read the address. Names and values that this page does not know are left out: links outlive records. */
function readState(hash) {
  const read = { ...DEFAULTS };
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  for (const name of Object.keys(DEFAULTS)) {
    if (!parameters.has(name)) continue;
    const given = parameters.get(name);
    if (Array.isArray(DEFAULTS[name])) read[name] = parameters.getAll(name).filter((one) => known(name, one));
    else if (known(name, given)) read[name] = given;
  }
  return read;
}

function known(name, given) {
  const isColumn = (key) => key === "" || columnIndex.has(key);
  switch (name) {
    case "rows": return rowsById.has(given);
    case "keep": case "methods": return data.methods.includes(given);
    case "board": return given === "" || Boolean(boardById(given));
    case "sort": return isColumn(given) || TEXT_COLUMNS.some((column) => column.key === given);
    case "x": case "y": return isColumn(given);
    case "theme": return THEMES.includes(given);
    case "q": return true;
    default: return name in ALLOWED ? ALLOWED[name].includes(given) : choices(name).includes(given);
  }
}

/** Return the values that a filter can have, in the records' order. */
function choices(name) {
  const of = {
    suite: (row) => boardOf(row).suite, table: (row) => boardOf(row).table,
    machine: (row) => machineOf(boardOf(row)), kind: (row) => row.kind,
    status: (row) => row.status, budget: (row) => row.budget,
  }[name];
  return ["", ...new Set(data.rows.map(of))].filter((one, index) => one !== "" || index === 0);
}

function stateHash() {
  const parameters = new URLSearchParams();
  for (const [name, initial] of Object.entries(DEFAULTS)) {
    if (Array.isArray(initial)) for (const one of state[name]) parameters.append(name, one);
    else if (state[name] !== initial) parameters.set(name, state[name]);
  }
  const text = parameters.toString();
  return text ? `#${text}` : "";
}

/** Change the state and show it. Typing replaces the entry in the history, a choice adds one. */
function change(changes, { typing = false } = {}) {
  const before = state;
  state = { ...state, ...changes };
  const address = location.href.replace(/#.*/, "") + stateHash();
  if (address !== location.href) history[typing ? "replaceState" : "pushState"](null, "", address);
  show(before);
}

/** Call back now, and whenever one of the named parts has changed. */
function onChange(names, listener) {
  listeners.push({ names, listener });
  listener();
}

function show(before) {
  for (const { names, listener } of listeners) {
    if (names.some((name) => JSON.stringify(before[name]) !== JSON.stringify(state[name]))) listener();
  }
}

/** Follow the address: at first, and when the reader goes back, forward, or edits it. */
function followAddress() {
  state = readState(location.hash);
  addEventListener("popstate", () => {
    const before = state;
    state = readState(location.hash);
    show(before);
  });
}

/** Return a list without a value if it has it, else with it. */
function toggled(list, one) {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
}

const toggleKept = (method) => change({ keep: toggled(state.keep, method) });
const toggleRow = (id) => change({ rows: toggled(state.rows, id) });
