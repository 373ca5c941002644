// What the plots share: colours of the theme, axes, and that they are drawn anew when the theme changes.

const figures = new Map();

/** Draw traces into an element; `make` returns traces and layout and is asked again when the theme changes. */
async function drawFigure(node, make, onclick) {
  figures.set(node, { make, onclick });
  const Plotly = await plotly();
  const current = figures.get(node);
  if (current?.make !== make || !node.isConnected) return;
  const { traces, layout } = make();
  // buttons by name: Plotly's usual ones would send the data to a server on a click
  const buttons = [["toImage", "zoom2d", "pan2d", "resetScale2d"]];
  const config = { displaylogo: false, responsive: true, modeBarButtons: buttons, displayModeBar: isTouch() ? false : "hover" };
  await Plotly.react(node, traces, { ...baseLayout(), ...layout }, config);
  if (onclick && !node.dataset.listens) {
    node.dataset.listens = "1";
    node.on("plotly_click", (event) => figures.get(node).onclick(event));
  }
}

function redrawFigures() {
  for (const [node, { make, onclick }] of figures) {
    if (node.isConnected) drawFigure(node, make, onclick);
    else figures.delete(node);
  }
}

function baseLayout() {
  const { fontFamily: family } = getComputedStyle(document.body);
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family, size: 13, color: colour("ink") },
    margin: { l: 58, r: 14, t: 10, b: 48 },
    showlegend: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: colour("raised"), bordercolor: colour("line"), font: { family, color: colour("ink"), size: 13 }, align: "left" },
    modebar: { color: colour("dim"), activecolor: colour("ink"), bgcolor: "rgba(0,0,0,0)" },
    dragmode: isTouch() ? false : "zoom",
  };
}

const isTouch = () => matchMedia("(pointer: coarse)").matches;

function axis(title, more) {
  return {
    title: { text: literal(title), standoff: 10 },
    gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false, ticks: "outside", tickcolor: colour("line"),
    automargin: true, ...more,
  };
}

/** Return text that Plotly shows as it stands: it would read tags and entities. */
function literal(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Return lines of a hover label, each broken where it is long. */
function hoverText(lines) {
  const broken = lines.filter(Boolean).flatMap((line) => String(line).match(/.{1,64}(?:\s|$)|.{1,64}/g) || []);
  return broken.slice(0, 14).map(literal).join("<br>");
}

/** Return whether a method is to stand back behind those that are kept. */
const isFaded = (method) => state.keep.length > 0 && !state.keep.includes(method);
