// The page's data: gzip in base64, in elements that no browser runs.

/** Return the text that was packed into an element. */
async function unpack(id) {
  const coded = atob($(id).textContent);
  const bytes = new Uint8Array(coded.length);
  for (let index = 0; index < coded.length; index += 1) bytes[index] = coded.charCodeAt(index);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** Return a function that does something asynchronous once, however often it is called. */
function once(work) {
  let result = null;
  return () => (result ??= work());
}

/** Wait until the browser has painted and has answered the reader; a page in the background does not wait. */
function painted() {
  if (document.hidden) return Promise.resolve();
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
}

/** Plotly, which takes longer to read than all else. Its text is run as it stands. */
const plotly = once(async () => {
  const source = await unpack("data-plotly");
  document.head.append(Object.assign(document.createElement("script"), { textContent: source }));
  await painted();
  return window.Plotly;
});

/** What chosen rows are shown with. */
const details = once(async () => {
  const { records, pool } = JSON.parse(await unpack("data-details"));
  const byRow = new Map();
  for (const record of records) byRow.set(record.row, [...(byRow.get(record.row) || []), record]);
  return { of: (row) => byRow.get(row) || [], get: (index) => (index === null ? null : pool[index]) };
});
