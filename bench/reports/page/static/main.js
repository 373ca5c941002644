// The table first; what is long to load follows when it is painted.

async function start() {
  if (!("DecompressionStream" in window)) throw new Error("this browser is too old to unpack the page’s data");
  await loadTable();
  followAddress();
  startTheme();
  startTips();
  startFilters();
  startTable();
  startAbout();
  startKeyboard();
  $("copy").addEventListener("click", () => copyText(location.href, $("copy")));
  performance.mark("decompbench:table");
  await painted();
  startPareto();
  startChosen();
  await plotly();
  performance.mark("decompbench:plots");
}

start().catch((error) => {
  $("problem").hidden = false;
  $("problem").textContent = `The page could not be shown: ${error.message}`;
  throw error;
});
