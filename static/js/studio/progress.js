// The panel of what is in progress: a hidden tab asks seldom, one that is shown again catches up,
// and the focus is never lost when what had it is gone.
const HIDDEN = 15_000;
let asked = 0;
let held = null;

const panel = () => document.getElementById("progress");
const isPanel = (event) => event.detail.ctx?.sourceElement?.id === "look";

document.addEventListener("htmx:before:request", (event) => {
  if (!isPanel(event)) return;
  if (document.hidden && Date.now() - asked < HIDDEN) event.preventDefault();
  else asked = Date.now();
});

const catchUp = () => {
  const address = panel()?.dataset.whole;
  if (address) htmx.ajax("GET", address, { source: "#progress", target: "#progress", swap: "outerMorph" });
};

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) catchUp();
});

// Back from a picture by the browser's cache: it has been looked at meanwhile.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) catchUp();
});

// Where Cancel stood, Try again may stand when the second click of two comes.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest?.(".card form button")) event.preventDefault();
});

document.addEventListener("htmx:before:swap", () => {
  const { activeElement } = document;
  held = panel()?.contains(activeElement) ? activeElement.closest("li[id]")?.id ?? "" : null;
});

// A button that did its work is often gone: its picture is the next best place, then the first one.
document.addEventListener("htmx:after:swap", () => {
  if (held === null || document.activeElement !== document.body) return;
  const card = held && document.getElementById(held);
  const next = (card || panel())?.querySelector("a.shot") ?? document.getElementById("work-title");
  next?.focus({ preventScroll: true });
  held = null;
});
