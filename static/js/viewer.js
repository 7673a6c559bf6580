// Keys of the viewer: arrows for the neighbours, "i" for the panel, Escape for the way back.
const viewer = document.querySelector("[data-viewer]");

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

if (viewer) {
  const toggle = viewer.querySelector("[data-toggle-panel]");
  const press = () => {
    const closed = viewer.toggleAttribute("data-panel-closed");
    toggle.setAttribute("aria-expanded", String(!closed));
  };
  toggle.addEventListener("click", press);
  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") viewer.querySelector("[rel=prev]")?.click();
    else if (event.key === "ArrowRight") viewer.querySelector("[rel=next]")?.click();
    else if (event.key === "i") press();
    // Not when it has closed the menu.
    else if (event.key === "Escape" && !event.defaultPrevented) viewer.querySelector("[data-back]").click();
  });
}
