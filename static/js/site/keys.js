// Single keys, where nothing is being typed, and the list of them that "?" opens. They can be
// switched off: whoever speaks to the computer would else set them off with a word.
const dialog = document.getElementById("keys");
const toggle = document.getElementById("keys-on");
const field = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
// Long before the page was opened.
let leader = -Infinity;

const areOff = () => {
  try {
    return localStorage.getItem("keys") === "off";
  } catch {
    return false;
  }
};

const focus = (element) => {
  element?.focus();
  return Boolean(element);
};

const write = () =>
  focus(document.getElementById("id_prompt") ?? document.querySelector("main input[type=search]"));

// The next or the last picture from where the focus is, in the order of the page.
const step = (by) => {
  const pictures = [...document.querySelectorAll("main a.shot")].filter((shot) => shot.checkVisibility());
  const here = pictures.indexOf(document.activeElement?.closest("a.shot, article")?.closest("a.shot"));
  const next = here < 0 ? pictures[by > 0 ? 0 : -1] : pictures[here + by];
  return focus(next);
};

// The wall and the viewer have keys of their own.
const tell = () => document.documentElement.toggleAttribute("data-keys-off", areOff());

const open = () => {
  toggle.checked = !areOff();
  dialog.showModal();
  return true;
};

const goTo = (key) => {
  const link = document.querySelector(`[data-goto="${CSS.escape(key)}"]`);
  link?.click();
  return Boolean(link);
};

const KEYS = {
  "?": open,
  "/": write,
  p: () => focus(document.getElementById("id_prompt")),
  j: () => step(1),
  k: () => step(-1),
  u: () => focus(document.querySelector("#messages [data-undo] button")),
};

const press = (event) => {
  const isSecond = event.timeStamp - leader < 1200;
  leader = event.key === "g" && !isSecond ? event.timeStamp : -Infinity;
  return isSecond ? goTo(event.key) : KEYS[event.key]?.();
};

if (dialog) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.(field)) return;
    // "?" stays, for it is the way to switch the others on again.
    if (areOff() && event.key !== "?") return;
    if (press(event)) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-keys]")) return;
    event.preventDefault();
    open();
  });

  toggle.addEventListener("change", () => {
    try {
      localStorage.setItem("keys", toggle.checked ? "on" : "off");
    } catch {
      // It then lasts until the next page.
    }
    tell();
  });
  tell();
}
