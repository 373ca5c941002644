// Light, dark, or as the system has it.

const dark = matchMedia("(prefers-color-scheme: dark)");

function startTheme() {
  const names = { "": "system", light: "light", dark: "dark" };
  const apply = () => {
    document.documentElement.dataset.theme = state.theme || (dark.matches ? "dark" : "light");
    $("theme").textContent = `Theme: ${names[state.theme]}`;
  };
  $("theme").addEventListener("click", () => {
    change({ theme: THEMES[(THEMES.indexOf(state.theme) + 1) % THEMES.length] });
  });
  onChange(["theme"], apply);
  dark.addEventListener("change", () => {
    apply();
    redrawFigures();
  });
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light"; // paper is, and printers leave backgrounds out
    redrawFigures();
  });
  addEventListener("afterprint", () => {
    apply();
    redrawFigures();
  });
}

/** Return a colour of the style sheet, as it is in the theme now. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
