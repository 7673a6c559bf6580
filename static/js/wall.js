// The wall: choosing pictures, and putting them in order without leaving the page. Without script the same
// forms are posted, and the page comes back.
const form = document.querySelector("form[data-wall]");
const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
const pictures = () => [...form.querySelectorAll("[data-picture]:not([hidden])")];
const box = (item) => item.querySelector("input[name=picture]");
const chosen = () => pictures().filter((item) => box(item).checked);

let undo = null;
let lastPicked = null;

const post = async (address, data) => {
  // Form data would go as one part for each picture, which the site takes apart ten times as slowly.
  const body = new URLSearchParams(data);
  const response = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } });
  const login = response.headers.get("HX-Redirect");
  if (login) location.assign(login);
  if (!response.ok || login) throw new Error(response.statusText);
  document.getElementById("messages").outerHTML = await response.text();
  return document.querySelector("#messages form[data-undo]");
};

const broken = () => {
  document.getElementById("notice-broken").hidden = false;
};

const count = () => {
  const number = chosen().length;
  form.querySelector("[data-chosen]").textContent = number ? `${number} chosen` : "";
};

const choose = (item, checked) => {
  box(item).checked = checked;
};

const pick = (target, shift) => {
  const all = pictures();
  const item = target.closest("[data-picture]");
  const [from, to] = [all.indexOf(lastPicked), all.indexOf(item)];
  if (shift && from >= 0) {
    for (const other of all.slice(Math.min(from, to), Math.max(from, to) + 1)) choose(other, target.checked);
  }
  lastPicked = item;
  count();
};

const setFavourite = (item, on) => {
  const heart = item.querySelector(".heart");
  item.toggleAttribute("data-favourite", on);
  heart.setAttribute("aria-pressed", String(on));
  heart.value = on ? "no" : "yes";
};

// What a change does to the pictures on this page, and what takes it back.
const show = (kind, items) => {
  if (kind === "trash" || kind === "restore") {
    const next = pictures().find((item) => items.at(-1)?.compareDocumentPosition(item) & 4 && !items.includes(item));
    const hadFocus = items.some((item) => item.contains(document.activeElement)) || form.contains(document.activeElement);
    for (const item of items) item.hidden = true;
    if (hadFocus) (next ?? pictures().at(-1))?.querySelector("a").focus();
    return () => {
      for (const item of items) item.hidden = false;
      items[0]?.querySelector("a").focus();
    };
  }
  if (kind === "favourite" || kind === "unfavourite") {
    const on = kind === "favourite";
    const moved = items.filter((item) => item.hasAttribute("data-favourite") !== on);
    for (const item of moved) setFavourite(item, on);
    return () => {
      for (const item of moved) setFavourite(item, !on);
    };
  }
  return () => {};
};

const change = async (button) => {
  const heart = button.classList.contains("heart");
  const items = heart ? [button.closest("[data-picture]")] : chosen();
  const kind = heart ? { yes: "favourite", no: "unfavourite" }[button.value] : button.value;
  const done = await post(heart ? button.formAction : form.action, new FormData(form, button));
  if (!done) return;
  undo = { address: done.action, back: show(kind, items) };
  if (!heart) form.reset();
  count();
};

const act = (name) => form.querySelector(`.wall-bar button[value=${name}]`)?.click();

const keys = {
  x: (item) => {
    if (!item) return;
    choose(item, !box(item).checked);
    lastPicked = item;
    count();
  },
  f: (item) => (chosen().length ? act("favourite") : item?.querySelector(".heart")?.click()),
  t: (item) => {
    if (item && !chosen().length) choose(item, true);
    count();
    if (chosen().length) form.querySelector("#wall-tag")?.focus();
  },
  Delete: (item) => {
    if (item && !chosen().length) choose(item, true);
    if (chosen().length) act("trash");
  },
  Escape: () => {
    form.reset();
    count();
  },
  ArrowRight: (item) => item && pictures()[pictures().indexOf(item) + 1]?.querySelector("a").focus(),
  ArrowLeft: (item) => item && pictures()[pictures().indexOf(item) - 1]?.querySelector("a").focus(),
};

if (form) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    // A file comes and the page stays: it must not wait for another.
    if (button.hasAttribute("data-download")) return form.removeAttribute("data-busy");
    // Everything that matches is more than this page knows of.
    if (form.elements.everything.checked && !button.classList.contains("heart")) return;
    event.preventDefault();
    change(button)
      .catch(broken)
      .finally(() => form.removeAttribute("data-busy"));
  });
  form.addEventListener("click", (event) => {
    if (event.target.name === "picture") pick(event.target, event.shiftKey);
    const shot = event.target.closest("a.shot");
    if (!shot) return;
    // Coming back begins where one left, also when the browser has forgotten the page.
    const here = new URL(location);
    for (const name of ["older_than", "newer_than", "month"]) here.searchParams.delete(name);
    here.searchParams.set("at", shot.closest("li").id.slice(2));
    history.replaceState(history.state, "", here);
  });
  form.addEventListener("reset", () => setTimeout(count));
  form.querySelector("#wall-tag")?.addEventListener("keydown", (event) => {
    if (event.key === "Escape") event.target.blur();
  });
  document.addEventListener("submit", (event) => {
    if (!undo || event.target.action !== undo.address) return;
    event.preventDefault();
    const { address, back } = undo;
    undo = null;
    post(address, new FormData(event.target)).then(back).catch(broken);
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key.length === 1 && document.documentElement.hasAttribute("data-keys-off")) return;
    const key = keys[event.key];
    if (!key) return;
    if (event.key === "t") event.preventDefault();
    key(event.target.closest?.("[data-picture]"));
  });
  // What was ticked before the page was left is ticked still when it comes back.
  count();
}
