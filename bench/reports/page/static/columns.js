// Which columns there are, what their cells say, and what they are sorted by.

const TEXT_COLUMNS = [
  {
    key: "budget", heading: "budget", main: true, text: (row) => row.budget,
    about: "What the compressed model may have of the dense model’s conv weights, MACs or bits.",
  },
  { key: "knob", heading: "knob", main: false, text: (row) => knobText(row.knob), about: "What the budget set, over the layers." },
  {
    key: "kind", heading: "kind", main: false, text: (row) => row.kind,
    about: "weight-space: made from trained weights; architectural: another network, trained anew.",
  },
  {
    key: "status", heading: "status", main: true, text: (row) => row.status,
    about: "ok, or why there are no numbers; the reason stands below the name.",
  },
];
const NOTES = {
  key: "notes", heading: "notes", main: true, text: (row) => row.notes.join("; "), wide: true,
  about: "What a reader must know about the row. Choose the row to read it in full.",
};
const METHOD = { key: "method", heading: "method", main: true, text: (row) => row.method, about: "Choose a row by its name." };

/** Return the columns of a table with these rows: without those that would be empty. */
function visibleColumns(rows) {
  const wanted = (column) => state.columns === "all" || column.main || column.key === state.sort;
  const texts = TEXT_COLUMNS.filter((column) => wanted(column) && rows.some((row) => column.text(row) !== ""));
  const numbers = data.columns
    .map((column, index) => ({ ...column, index }))
    .filter((column) => wanted(column) && rows.some((row) => row.values[column.index] !== null));
  return [
    METHOD,
    ...texts.filter((column) => column.key !== "status"),
    ...numbers,
    ...texts.filter((column) => column.key === "status"),
    ...(rows.some((row) => row.notes.length) ? [NOTES] : []),
  ];
}

const isNumber = (column) => column.index !== undefined;

/** Return a cell's number with its interval or its spread, as children of the cell. */
function numberParts(row, column) {
  const { index, digits } = column;
  const leads = column.key === "final" && row.standing === "leader";
  const shown = number(row.values[index], digits);
  const parts = [leads ? el("b", null, shown) : shown];
  if (row.values[index] === null) return parts;
  if (row.low[index] !== null && row.high[index] !== null) {
    parts.push(el("span", { class: "dim" }, ` [${number(row.low[index], digits)}, ${number(row.high[index], digits)}]`));
  }
  if (row.sd[index] !== null) parts.push(el("span", { class: "dim" }, ` ±${number(row.sd[index], digits)}`));
  if (column.key === "final" && row.standing === "worse") parts.push(el("span", { class: "dim" }, " ↓"));
  return parts;
}

/** Return a comparison of rows of one board: missing values last, equal ones in the leaderboard's order. */
function rowOrder(board) {
  const column = [METHOD, ...TEXT_COLUMNS, NOTES].find((one) => one.key === state.sort);
  const index = columnIndex.get(state.sort);
  const sign = state.order === "down" ? -1 : 1;
  const of = column ? (row) => column.text(row) || null : (row) => row.values[index];
  return (one, other) => {
    if (one.dense !== other.dense) return one.dense ? -1 : 1;
    if (!state.sort) return one.order - other.order;
    const [a, b] = [of(one), of(other)];
    if (a === null || b === null) return (a === null) - (b === null) || one.order - other.order;
    const compared = column ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return sign * compared || one.order - other.order;
  };
}

/** Return the order that a first click gives: the best first. */
function firstOrder(column) {
  if (!isNumber(column)) return "up";
  const higher = column.descending ?? data.boards.every((board) => board.higher);
  return higher ? "down" : "up";
}
