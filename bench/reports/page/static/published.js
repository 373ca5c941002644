// The papers' own points, hollow: of the same model and data, but not of our training and not of our machine.

const publishedOf = (board) => board.published;

function publishedTraces(board, { x, y }) {
  if (y.key !== "final") return [];
  const points = publishedOf(board).filter((point) => typeof point.costs[x.key] === "number");
  return points.map((point) => {
    const method = point.methods.find((name) => data.methods.includes(name)) ?? null;
    const mark = method === null ? { name: "dim", shape: SHAPES[0] } : markOf(method);
    return {
      x: [point.costs[x.key]],
      y: [point.quality],
      mode: "markers",
      meta: method,
      opacity: isFaded(method) ? 0.16 : 1,
      marker: { symbol: `${mark.shape[0]}-open`, size: 11, color: colour(mark.name), line: { width: 1.6 } },
      hoverinfo: "text",
      text: [hoverText([point.label, point.source, point.note])],
    };
  });
}
