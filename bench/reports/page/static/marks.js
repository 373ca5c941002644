// A method's colour and shape: the same in table, legend and plots. Eight colours that colour-blind readers tell apart
// and fourteen shapes go in turn, so that fifty-six methods differ.

const COLOURS = 8;
const SHAPES = [
  ["circle", "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z"],
  ["square", "M3 3h10v10H3z"],
  ["diamond", "M8 1l7 7-7 7-7-7z"],
  ["triangle-up", "M8 2l6.5 11.5h-13z"],
  ["cross", "M6 1.5h4V6h4.5v4H10v4.5H6V10H1.5V6H6z"],
  ["triangle-down", "M8 14L1.5 2.5h13z"],
  ["star", "M8 .8l2 4.9 5.3.4-4.1 3.4 1.3 5.2L8 11.9l-4.5 2.8 1.3-5.2L.7 6.1 6 5.7z"],
  ["pentagon", "M8 1.5l6.5 4.8-2.5 7.7H4L1.5 6.3z"],
  ["x", "M4 1.2L8 5.2l4-4L14.8 4l-4 4 4 4-2.8 2.8-4-4-4 4L1.2 12l4-4-4-4z"],
  ["hexagon", "M4.5 2h7L15 8l-3.5 6h-7L1 8z"],
  ["triangle-right", "M2.5 1.5L14 8 2.5 14.5z"],
  ["triangle-left", "M13.5 1.5L2 8l11.5 6.5z"],
  ["hourglass", "M2.5 1.5h11L8 8l5.5 6.5h-11L8 8z"],
  ["bowtie", "M1.5 2.5L8 8l6.5-5.5v11L8 8l-6.5 5.5z"],
];

const isDense = (method) => data.rows.some((row) => row.dense && row.method === method);
const methodNumber = once(() => {
  const dense = new Set(data.rows.filter((row) => row.dense).map((row) => row.method));
  return new Map(data.methods.filter((method) => !dense.has(method)).map((method, index) => [method, index]));
});

/** Return colour and shape; the dense model is a square in the colour of text. */
function markOf(method) {
  const number = methodNumber().get(method);
  if (number === undefined) return { name: "ink", shape: SHAPES[1] };
  return { name: `mark-${number % COLOURS}`, shape: SHAPES[number % SHAPES.length] };
}

function markIcon(method) {
  const mark = markOf(method);
  const path = svg("path", { d: mark.shape[1], fill: `var(--${mark.name})` });
  return svg("svg", { class: "mark", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
}
