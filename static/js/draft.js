// What is being written is kept on the server, and what was written before comes back by key.
const LATER = 700;
// A request that may outlive its page carries at most 64 KiB.
const SMALL = 60_000;
let timer = 0;
let saved = Promise.resolve();

const studio = () => document.getElementById("studio-form");
const prompt = () => studio()?.elements.prompt;

// Without a connection it is kept by the next change, or by the press.
const send = (address, body) =>
  fetch(address, {
    method: "POST",
    body,
    keepalive: String(body).length < SMALL,
    redirect: "manual",
  }).catch(() => {});

const save = (event) => {
  const form = studio();
  if (!timer || !form) return;
  clearTimeout(timer);
  timer = 0;
  const body = new URLSearchParams(new FormData(form));
  const address = form.dataset.draft;
  // One after the other, for of two at once the older might be written last. A page that goes cannot wait.
  saved = event?.type === "pagehide" ? send(address, body) : saved.then(() => send(address, body));
};

const drop = () => {
  clearTimeout(timer);
  timer = 0;
};

const isDrafted = ({ target }) => target.form?.id === "studio-form" && target.name !== "endpoint";

document.addEventListener("input", (event) => {
  if (!isDrafted(event)) return;
  clearTimeout(timer);
  timer = setTimeout(save, LATER);
});
document.addEventListener("change", (event) => {
  if (isDrafted(event)) save();
});
addEventListener("pagehide", save);
// What is sent with the form is kept by the server that gets it.
document.addEventListener("submit", (event) => event.target.id === "studio-form" && drop(), true);
document.addEventListener("change", (event) => event.target.name === "endpoint" && drop());

// Past prompts.

const dialog = document.getElementById("past-prompts");
let past = null;
let at = -1;
let own = "";

// As if it were typed, so that the browser's own undo takes it back.
const write = (text) => {
  prompt().focus();
  prompt().select();
  if (!text) document.execCommand("delete");
  else if (!document.execCommand("insertText", false, text)) {
    prompt().value = text;
    prompt().dispatchEvent(new Event("input", { bubbles: true }));
  }
};

const load = async () => {
  const answer = await fetch(dialog.dataset.address, { headers: { "HX-Request": "true" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return [...page.querySelectorAll("[data-past]")].map((one) => one.textContent);
};

const recall = async (by) => {
  past ??= load().catch(() => []);
  const texts = await past;
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

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-opens=past-prompts]");
  if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  dialog.querySelector("form[role=search]").reset();
  dialog.showModal();
  htmx.ajax("GET", dialog.dataset.address, { target: "#past-found", swap: "outerMorph" });
});

// One was picked, and stands in the form behind.
document.addEventListener("htmx:after:swap", (event) => {
  if (!dialog?.open || !event.detail.ctx?.sourceElement?.closest?.("#past-found a")) return;
  dialog.close();
  prompt().focus();
});

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const keys = () => {
  if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
};
document.addEventListener("htmx:after:swap", keys);
keys();
