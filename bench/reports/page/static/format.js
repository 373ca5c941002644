// Numbers as texts. What is missing or no number is a dash, everywhere.

const MISSING = "–";
const formats = new Map();

/** Return a number with so many digits after the point and groups of thousands. */
function number(value, digits) {
  if (Math.abs(value) === Infinity) return value > 0 ? "∞" : "−∞";
  if (typeof value !== "number" || !Number.isFinite(value)) return MISSING;
  if (!formats.has(digits)) {
    const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    // one language for all readers: a permalink shows the same page everywhere
    formats.set(digits, new Intl.NumberFormat("en-GB", fixed));
  }
  return formats.get(digits).format(value).replace("-", "−");
}

/** Return a score of the data, which writes infinite ones as texts, as a number. */
const score = (value) => (value === "Infinity" || value === "-Infinity" ? Number(value) : value);

/** Return a number as it is, without digits that say nothing. */
function plain(value) {
  if (value === Infinity || value === -Infinity) return number(value, 0);
  if (typeof value === "number") return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : MISSING;
  if (value === null || value === undefined) return MISSING;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Return `rank 0.18–0.25`: what the budget set a method's knob to. */
function knobText(knob) {
  if (!knob) return "";
  const [low, high] = [plain(knob.low), plain(knob.high)];
  return `${knob.field} ${low}${high === low ? "" : `–${high}`}`;
}

/** Return `groups=2, learn=arp`; settings that are not set are left out. */
function settingsText(settings) {
  return Object.entries(settings)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${plain(value)}`)
    .join(", ");
}

/** Return `3 rows` or `1 row`. */
function counted(count, thing) {
  return `${number(count, 0)} ${thing}${count === 1 ? "" : "s"}`;
}

/** Return `12 Nov 2026` from an ISO date; what is none stays as it is. */
function dateText(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return String(iso);
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}
