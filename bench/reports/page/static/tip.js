// What a heading means, shown on hover and on focus: the `title` attribute serves neither keyboard nor touch.

function startTips() {
  const tip = el("div", { id: "tip", role: "tooltip", hidden: true });
  document.body.append(tip);
  const showTip = (event) => {
    const owner = event.target.closest?.("[data-about]");
    if (!owner) return;
    tip.textContent = owner.dataset.about;
    tip.hidden = false;
    owner.setAttribute("aria-describedby", "tip");
    const at = owner.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = at.bottom + 6 + tip.offsetHeight < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? at.bottom + 6 : at.top - tip.offsetHeight - 6}px`;
  };
  addEventListener("mouseover", (event) => (event.target.closest?.("[data-about]") ? showTip(event) : hideTip()));
  addEventListener("focusin", showTip);
  addEventListener("focusout", hideTip);
  addEventListener("scroll", hideTip, true);
}

const hideTip = () => {
  $("tip").hidden = true;
};
