// What happened leaves by itself; what went wrong stays until it is dismissed. Nothing leaves while the pointer or the
// focus is on it, or while nobody sees the page. What can be undone stays longer, and all of it where motion is
// reduced: whoever asks for that often reads more slowly.
const SHORT = 8000;
const LONG = 20_000;
const LEAVING = ".notice:not(.error, .warning)";
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
const box = document.getElementById("messages");
let timer = 0;

const isHeld = () => document.hidden || box.matches(":hover, :focus-within");

const leave = () => {
  if (isHeld()) return wait();
  for (const notice of box.querySelectorAll(LEAVING)) notice.remove();
};

const wait = () => {
  clearTimeout(timer);
  if (!box.querySelector(LEAVING)) return;
  const lasts = box.querySelector("[data-undo]") ? LONG : SHORT;
  timer = setTimeout(leave, isCalm.matches ? lasts * 2 : lasts);
};

const dismiss = (notice) => {
  const hadFocus = notice.contains(document.activeElement);
  notice.remove();
  if (hadFocus) (document.querySelector("dialog[open] [tabindex]") ?? document.getElementById("main")).focus({ preventScroll: true });
};

if (box) {
  new MutationObserver(wait).observe(box, { childList: true, characterData: true, subtree: true });
  box.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) dismiss(event.target.closest(".notice"));
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    dismiss(event.target.closest(".notice"));
  });
  for (const name of ["pointerleave", "focusout"]) box.addEventListener(name, wait);
  wait();
}
