// One plan layer by layer: bars of weights and MACs, before in outline and after filled in.

function planView(record, found) {
  const plan = found.get(record.plan);
  if (!plan) return null;
  const layers = plan.layers.map(([spec, after, group, reason]) => ({ ...found.get(spec), after, group, reason }));
  const alone = (group) => plan.groups[group].layers === 1;
  for (const layer of layers) {
    if (layer.group !== null && alone(layer.group)) layer.after = added(layer.after, plan.groups[layer.group].shared);
  }
  const shared = plan.groups.map((group, index) => ({ ...group, index })).filter((group) => group.layers > 1 && group.shared.some(Boolean));
  const costs = [...layers.flatMap((layer) => [layer.before, layer.after]), ...shared.map((group) => group.shared)];
  const largest = [0, 1].map((count) => Math.max(1, ...costs.map((cost) => cost[count])));
  const varying = varyingSettings(plan.groups);
  const head = ["layer", "shape", "weights", "MACs", "how"].map((text) => el("th", { scope: "col" }, text));
  const rows = layers.map((layer) => layerRow(layer, plan, varying, largest));
  const common = shared.map((group) => sharedRow(group, largest));
  const table = el("table", { class: "plan" }, el("thead", null, el("tr", null, head)), el("tbody", null, rows, common));
  const label = "Layers of the plan, scrolls sideways";
  return el(
    "div",
    null,
    el("p", { class: "hint" }, planSummary(layers, shared, plan)),
    plan.note && el("p", { class: "hint" }, plan.note),
    el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, table),
  );
}

const added = (one, other) => one.map((count, index) => count + other[index]);

function planSummary(layers, shared, plan) {
  const before = layers.reduce((sum, layer) => added(sum, layer.before), [0, 0, 0]);
  const after = [...layers.map((layer) => layer.after), ...shared.map((group) => group.shared)].reduce(added, [0, 0, 0]);
  const of = (count) => `${number(before[count], 0)} → ${number(after[count], 0)} (${number((100 * after[count]) / before[count], 1)} %)`;
  const touched = layers.filter((layer) => layer.group !== null).length;
  const common = commonSettings(plan.groups);
  return [
    `${touched} of ${counted(layers.length, "convolution")} compressed; weights ${of(0)}, MACs ${of(1)}.`,
    common ? `All with ${common}.` : "",
  ].join(" ");
}

/** Return the names of the settings that the groups do not agree on: only these stand beside each layer. */
function varyingSettings(groups) {
  const names = new Set(groups.flatMap((group) => Object.keys(group.settings)));
  return [...names].filter((name) => new Set(groups.map((group) => plain(group.settings[name]))).size > 1);
}

function commonSettings(groups) {
  if (!groups.length) return "";
  const varying = new Set(varyingSettings(groups));
  const common = Object.entries(groups[0].settings).filter(([name]) => !varying.has(name));
  return settingsText(Object.fromEntries(common));
}

function layerRow(layer, plan, varying, largest) {
  const group = layer.group === null ? null : plan.groups[layer.group];
  const kernel = layer.kernel_size.join("×");
  const stride = Math.max(...layer.stride) > 1 ? `, stride ${layer.stride.join("×")}` : "";
  const grouped = layer.groups > 1 ? `, ${layer.groups} groups` : "";
  return el(
    "tr",
    { class: group ? "" : "skipped" },
    el("th", { scope: "row" }, layer.path),
    el("td", null, `${kernel}, ${layer.in_channels}→${layer.out_channels}${stride}${grouped}`),
    [0, 1].map((count) => el("td", { class: "num" }, bar(layer.before[count], layer.after[count], largest[count]))),
    el("td", { class: "how" }, group ? howText(group, varying) : `left alone: ${layer.reason || "not selected"}`),
  );
}

function howText(group, varying) {
  const settings = Object.fromEntries(varying.map((name) => [name, group.settings[name]]));
  return [group.method, settingsText(settings), group.layers > 1 ? `shared by ${group.layers} layers` : ""].filter(Boolean).join(", ");
}

function sharedRow(group, largest) {
  return el(
    "tr",
    { class: "shared" },
    el("th", { scope: "row" }, "shared"),
    el("td", null, counted(group.layers, "layer")),
    [0, 1].map((count) => el("td", { class: "num" }, bar(0, group.shared[count], largest[count]))),
    el("td", { class: "how" }, `${group.method}: what its layers have in common, counted once`),
  );
}

/** Return a bar and its numbers; the text says all that the bar shows. */
function bar(before, after, largest) {
  const share = (count) => `${(100 * count) / largest}%`;
  const outline = el("span", { class: "before", style: `width:${share(before)}` });
  const filled = el("span", { class: "after", style: `width:${share(after)}` });
  const text = before === after ? number(after, 0) : `${number(before, 0)} → ${number(after, 0)}`;
  return el("div", { class: "bar" }, el("span", { class: "track", "aria-hidden": "true" }, outline, filled), el("span", null, text));
}
