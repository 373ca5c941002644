// The table's data, and look-ups in it. Names that come from records are keys of maps only, never of objects.

const data = { columns: [], methods: [], boards: [], rows: [], about: null };
const rowsById = new Map();
const columnIndex = new Map();

async function loadTable() {
  Object.assign(data, JSON.parse(await unpack("data-table")));
  data.columns.forEach((column, index) => columnIndex.set(column.key, index));
  data.rows.forEach((row, index) => {
    row.order = index;
    for (const part of ["values", "low", "high", "sd"]) row[part] = row[part].map(score);
    row.text = searchText(row);
    rowsById.set(row.id, row);
  });
}

/** Return what the free text is looked for in. */
function searchText(row) {
  const board = boardOf(row);
  const settings = settingsText(row.settings);
  const words = [row.method, row.kind, row.budget, row.status, knobText(row.knob), settings, ...row.notes];
  return [...words, board.suite, board.table, board.task, board.machine, board.device].join(" ").toLowerCase();
}

const boardOf = (row) => data.boards[row.board];
const boardById = (id) => data.boards.find((board) => board.id === id);
const machineOf = (board) => `${board.machine} (${board.device})`;
const whereOf = (board) => `${board.reference ? "reference machine " : ""}${machineOf(board)}`;
const value = (row, key) => row.values[columnIndex.get(key)] ?? null;

/** Return the heading of a column; quality is named by its metric, where all boards shown have the same. */
function columnTitle(column, boards) {
  const metrics = new Set(boards.map((board) => board.metric));
  const units = new Set(boards.map((board) => board.unit));
  const isQuality = column.descending === null || column.key === "drop";
  return {
    text: column.key === "final" && metrics.size === 1 ? [...metrics][0] : column.heading,
    unit: isQuality ? (units.size === 1 ? [...units][0] : "") : column.unit,
  };
}
