// A record's settings as they are stored, and where it comes from.

function recordTitle(record, records) {
  return records.length > 1 ? `Record of seed ${record.seed}` : "Record: settings and versions";
}

function recordView(record, found) {
  const software = Object.entries(found.get(record.software)).map(([name, version]) => `${name} ${version}`);
  const training = record.training;
  const trial = Object.fromEntries(Object.entries(record.trial).map(([name, index]) => [name, found.get(index)]));
  const sources = Object.entries(found.get(record.sources)).map(([name, digest]) => `${name} ${digest.slice(0, 8)}`);
  const identity = found.get(record.identity);
  const settings = JSON.stringify(
    { identity, trial, method: found.get(record.method), runtime: found.get(record.runtime) }, null, 2,
  );
  const copy = el("button", { type: "button", onclick: () => copyText(settings, copy) }, "Copy JSON");
  return el(
    "div",
    null,
    terms([
      ["record", record.name], ["key", record.key], ["started", record.started],
      ["took", `${number(record.seconds, 1)} s`],
      ["training", training && `${plain(training.epochs)} epochs, ${counted(training.steps, "step")}, ${number(training.seconds, 1)} s`],
      ["suite version", record.suite_version], ["revision", record.revision], ["software", software.join(", ")],
      ["processor", record.processor], ["threads", record.threads], ["source", sources.join(", ")],
    ]),
    training?.notes.length > 0 && el("ul", { class: "notes" }, training.notes.map((note) => el("li", null, note))),
    copy,
    el("pre", { tabindex: "0", "aria-label": "Settings as JSON" }, settings),
  );
}

/** Copy text, and say on the button whether it worked: pages from disk may not use the clipboard everywhere. */
async function copyText(text, button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const area = el("textarea", { readonly: true, class: "hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    button.textContent = document.execCommand("copy") ? "Copied" : "Not allowed here";
    area.remove();
    button.focus();
  }
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}
