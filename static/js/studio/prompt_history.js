// What takes the place of the words in the form: past prompts, by key or from their list, and a picture's.
const dialog = document.getElementById("past-prompts");
let past = null;
let at = -1;
let own = "";
let isWriting = false;

const studio = () => document.getElementById("studio-form");
const prompt = () => studio()?.elements.prompt;

// As if it were typed, so that the browser's own undo takes it back.
const write = (text) => {
  isWriting = true;
  prompt().focus();
  prompt().select();
  if (!text) document.execCommand("delete");
  else if (!document.execCommand("insertText", false, text)) {
    prompt().value = text;
    prompt().dispatchEvent(new Event("input", { bubbles: true }));
  }
  isWriting = false;
};

const load = async () => {
  const answer = await fetch(dialog.dataset.address, { headers: { "HX-Request": "true" } });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return [...page.querySelectorAll("[data-past]")].map((one) => one.textContent);
};

const recall = async (by) => {
  past ??= load();
  const texts = await past.catch(() => {
    // The next key asks again.
    past = null;
    return [];
  });
  if (at < 0) own = prompt().value;
  let next = at + by;
  // What stands there already would be a key that does nothing.
  while (texts[next]?.trim() === prompt().value.trim()) next += by;
  if (next < -1 || next >= texts.length) return;
  at = next;
  write(at < 0 ? own : texts[at]);
};

document.addEventListener("keydown", (event) => {
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  if (!by || !event.altKey || event.target !== prompt()) return;
  event.preventDefault();
  recall(by);
});

document.addEventListener("queue-changed", () => {
  past = null;
  at = -1;
});

// What was brought back and then changed is one's own.
document.addEventListener("input", (event) => {
  if (event.target === prompt() && !isWriting) at = -1;
});

const isPlain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey);

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("[data-opens=past-prompts]");
  if (!link || !dialog || !isPlain(event)) return;
  event.preventDefault();
  dialog.querySelector("form[role=search]").reset();
  dialog.showModal();
  await htmx.ajax("GET", dialog.dataset.address, { target: "#past-found", swap: "outerMorph" });
  const looking = dialog.querySelector("[data-looking]");
  if (looking) looking.textContent = "They could not be fetched. Close this, and open it again in a moment.";
});

// The form goes with it, as it stands: what was typed last is what undo brings back.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-fills]");
  if (!link || !studio() || !isPlain(event)) return;
  event.preventDefault();
  const address = studio().dataset.fill + link.search;
  const values = Object.fromEntries(new FormData(studio()));
  await htmx.ajax("POST", address, { target: "#studio-form", swap: "outerMorph", values });
  dialog?.close();
  link.closest("details.menu")?.removeAttribute("open");
  prompt().focus();
});

// The bar is gone, and with it the button that had the focus.
document.addEventListener("htmx:after:swap", (event) => {
  const wasUndo = event.detail.ctx?.sourceEvent?.target?.closest?.(".undo");
  if (wasUndo && document.activeElement === document.body) prompt()?.focus();
});

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const keys = () => {
  if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
};
document.addEventListener("htmx:after:swap", keys);
keys();
