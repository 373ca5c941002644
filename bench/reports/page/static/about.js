// Where the numbers come from, and how to cite them.

function startAbout() {
  const about = data.about;
  const suites = about.suites.map(([name, version]) => `${name} (version ${version})`).join(", ");
  $("facts").textContent = [
    counted(about.records, "record"), counted(about.suites.length, "suite"), counted(about.machines.length, "machine"),
    `newest of ${dateText(about.newest)}`,
  ].join(" · ");
  const source = [`decompbench`, `suites ${suites}`, about.revisions.length && `revision ${about.revisions.join(", ")}`, `records to ${dateText(about.newest)}`];
  const software = Object.entries(about.software).map(([name, versions]) => `${name} ${versions.join(" / ")}`);
  $("about").append(
    el("h2", null, "Sources"),
    terms([
      ["cite as", `${source.filter(Boolean).join(", ")}; and the papers of the methods, below`],
      ["records", fileList(about.files)],
      ["software", software.join(", ")],
    ]),
    el("h3", null, "Machines"),
    ...about.machines.map((machine) => el("div", { class: "machine" }, el("h4", null, machine.id), terms(machineFacts(machine)))),
    el("h3", null, "Methods"),
    el("ul", { class: "papers" }, about.methods.map((method) => el(
      "li",
      null,
      el("b", null, method.name), ` version ${method.version}. ${method.summary}`,
      method.paper && el("span", { class: "paper" }, ` ${method.paper}`),
    ))),
  );
}

function fileList(files) {
  const shown = files.slice(0, 8).map((file) => el("div", null, el("code", null, `results/${file}`)));
  return el("div", null, shown, files.length > 8 && el("div", null, `and ${counted(files.length - 8, "file")} more`));
}

const MACHINE_TERMS = new Map([["cpu", "processor"], ["gpus", "GPUs"], ["gpu_driver", "GPU driver"], ["memory_gib", "memory, GiB"]]);

function machineFacts(machine) {
  return Object.entries(machine)
    .filter(([name]) => name !== "id")
    .map(([name, one]) => [MACHINE_TERMS.get(name) || name.replaceAll("_", " "), Array.isArray(one) ? one.map(plain).join(", ") || "none" : plain(one)]);
}
