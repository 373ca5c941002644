// Elements are made here and nowhere else. Texts become text nodes: what a record holds is never read as HTML.

const $ = (id) => document.getElementById(id);

/** Return an element. Attributes: `on…` are listeners, true is an empty attribute, false and null leave it out. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  set(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(node, attributes);
  node.append(...children);
  return node;
}

/** Return a select with its label; `options` are pairs of value and text, `name` is what it chooses. */
function select(name, label, options, value, onchange) {
  const box = el("select", { id: `choose-${name}`, onchange: () => onchange(box.value) });
  for (const [key, text] of options) box.append(el("option", { value: key, selected: key === value }, text));
  return el("div", { class: "field" }, el("label", { for: box.id }, label), box);
}

/** Return a list of terms and what they are; pairs without a value are left out. */
function terms(pairs) {
  return el(
    "dl",
    null,
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([term, value]) => el("div", null, el("dt", null, term), el("dd", null, value))),
  );
}

/** Make controls anew, and put the focus back on the one with the same id. */
function keepFocus(make) {
  const id = document.activeElement?.id;
  make();
  if (id && document.activeElement?.id !== id) $(id)?.focus();
}
