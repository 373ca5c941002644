// Keys that hold everywhere: `/` searches, Escape lets go of the last thing that was opened or chosen.

function startKeyboard() {
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address after # is the state's
    goTo("table");
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input[type=search], textarea, select");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      $("search").focus();
      $("search").select();
    }
    if (event.key === "Escape") letGo(event);
  });
  document.addEventListener("click", (event) => {
    if (!$("methods").contains(event.target)) $("methods").open = false;
  });
}

function goTo(section) {
  $(section).focus({ preventScroll: true });
  $(section).scrollIntoView();
}

function letGo(event) {
  if (!$("tip").hidden) hideTip();
  else if ($("methods").open) {
    $("methods").open = false;
    $("methods").querySelector("summary").focus();
  } else if (event.target.id === "search") {
    if (state.q) change({ q: "" }, { typing: true });
    else event.target.blur();
  } else if (state.keep.length) change({ keep: [] });
  else if (state.rows.length) change({ rows: [] });
}
