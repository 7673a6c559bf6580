// The wall: choosing pictures, and putting them in order without leaving the page. Without script the same
// forms are posted, and the page comes back.
import { change, setFavourite } from "./change.js";
import { setBusy } from "../studio/form.js";

const main = document.getElementById("main");
const form = document.querySelector("form[data-wall]");
const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
const pictures = () => [...form.querySelectorAll("[data-picture]:not([hidden])")];
const box = (item) => item.querySelector("input[name=picture]");
const chosen = () => pictures().filter((item) => box(item).checked);

let lastPicked = null;
let lastFocused = null;

// Pressed, the next choice is the end of a range, as with Shift: for those who have no such key.
const upTo = form?.querySelector("[data-up-to]");
const isUpTo = () => upTo.getAttribute("aria-pressed") === "true";
const setUpTo = (on) => upTo.setAttribute("aria-pressed", String(on));

const count = () => {
  const number = chosen().length;
  const told = isUpTo() ? `${number} chosen; now the last one` : `${number} chosen`;
  form.querySelector("[data-chosen]").textContent = number ? told : "";
  document.body.toggleAttribute("data-choosing", number > 0);
};

const choose = (item, checked) => {
  box(item).checked = checked;
};

const pick = (item, shift) => {
  const all = pictures();
  const [from, to] = [all.indexOf(lastPicked), all.indexOf(item)];
  const { checked } = box(item);
  if ((shift || isUpTo()) && from >= 0) {
    for (const other of all.slice(Math.min(from, to), Math.max(from, to) + 1)) choose(other, checked);
  }
  setUpTo(false);
  lastPicked = item;
  count();
};

// The bar goes when nothing is chosen: what had the focus in it gives it back to the wall.
const leaveBar = (item) => {
  if (!form.querySelector(".wall-bar").contains(document.activeElement)) return;
  item?.querySelector("a").focus({ preventScroll: true });
};

// Shows a change before the site has made it; returns what takes it back.
const show = (kind, items) => {
  if (kind === "trash" || kind === "restore") {
    const next = pictures().find((item) => items.at(-1)?.compareDocumentPosition(item) & 4 && !items.includes(item));
    const hadFocus = items.some((item) => item.contains(document.activeElement));
    for (const item of items) item.hidden = true;
    if (hadFocus) ((next ?? pictures().at(-1))?.querySelector("a") ?? main).focus();
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

const send = async (address, data, kind, items) => {
  const isDone = await change(address, data, show(kind, items));
  // Of the last picture, Undo is what remains.
  if (isDone && document.activeElement === main) document.querySelector("#messages [data-undo] button").focus();
  return isDone;
};

const HEART = { yes: "favourite", no: "unfavourite" };

const changeOne = (button, item) => {
  const data = new FormData(form, button);
  if (button.value === "restore") choose(item, false);
  count();
  send(button.formAction, data, HEART[button.value] ?? button.value, [item]);
};

const changeChosen = async (button) => {
  const data = new FormData(form, button);
  const items = chosen();
  leaveBar(items.includes(lastPicked) ? lastPicked : items[0]);
  for (const item of items) choose(item, false);
  count();
  const isDone = await send(form.action, data, button.value, items);
  // A tag that was refused is there to be mended, with what it was for.
  if (!isDone) for (const item of items) choose(item, true);
  else if (form.elements.tag) form.elements.tag.value = "";
  count();
};

const barButton = (name) => form.querySelector(`.wall-bar button[value=${name}]`);

// What the keys change is that picture, or what is chosen; never all that a box, ticked long ago, stands for.
const chooseAlone = (item) => {
  if (chosen().length) return;
  form.elements.everything.checked = false;
  if (item) choose(item, true);
  count();
};

// The wall and the trash have different bars: what is not in this one chooses nothing either.
const press = (name) => (item) => {
  const button = barButton(name);
  if (!button) return;
  chooseAlone(item);
  if (chosen().length) button.click();
};

const keys = {
  x: (item, shift) => {
    if (!item) return;
    choose(item, !box(item).checked);
    pick(item, shift);
  },
  f: (item) => (chosen().length ? barButton("favourite") : item?.querySelector(".heart"))?.click(),
  t: (item) => {
    const { tag } = form.elements;
    if (!tag) return;
    chooseAlone(item);
    if (chosen().length) tag.focus();
  },
  r: press("restore"),
  b: (item) => {
    if (!chosen().length) lastPicked = item;
    // It stands only while something is chosen, or while the focus is in it.
    form.toggleAttribute("data-bar", true);
    form.elements.everything.focus();
  },
  Delete: press("trash"),
  Backspace: press("trash"),
  Escape: () => form.reset(),
  ArrowRight: (item) => item && pictures()[pictures().indexOf(item) + 1]?.querySelector("a").focus(),
  ArrowLeft: (item) => item && pictures()[pictures().indexOf(item) - 1]?.querySelector("a").focus(),
};

// A day without a picture has no heading either, until Undo brings one back.
const settleDays = () => {
  const days = new Map();
  let day = null;
  for (const part of form.querySelectorAll(".wall-day, .wall")) {
    if (part.matches(".wall-day")) day = part;
    if (day) days.set(day, days.get(day) || Boolean(part.querySelector(":scope > [data-picture]:not([hidden])")));
  }
  // What stays as it is must not be written: that too would be a change to look at.
  for (const [heading, isFull] of days) if (heading.hidden === isFull) heading.hidden = !isFull;
};

const settle = () => {
  settleDays();
  // What stands at the wall's end comes by itself.
  const isEmpty = !pictures().length && !form.querySelector(".wall-next");
  form.querySelector("[data-when-empty]").hidden = !isEmpty;
  const emptying = document.querySelector("[data-unless-empty]");
  if (emptying) emptying.hidden = isEmpty && !form.querySelector(".wall-way");
};

// A day that goes on over several pages keeps its heading, and its rows stay whole: what stands in the last one goes
// to the front of the next page. A row that is in sight, or has the focus, is not moved.
const goOn = (page) => {
  const more = page.firstElementChild;
  if (!more?.matches(".wall")) return;
  const above = page.previousElementSibling.lastElementChild;
  const items = [...above.querySelectorAll(":scope > :not([hidden])")];
  const row = items.filter((item) => item.offsetTop === items.at(-1).offsetTop);
  const stays = (item) => item.getBoundingClientRect().top < innerHeight || item.contains(document.activeElement);
  if (!row.some(stays)) {
    more.prepend(...row);
    // The one above is the last now, and whole as well: nothing fills it up.
    above.toggleAttribute("data-goes-on", true);
  }
  above.after(more);
  for (const part of [above, page]) if (!part.childElementCount) part.remove();
};

if (form) {
  const pages = form.querySelector("[data-pages]");
  const comes = new MutationObserver((records) => {
    for (const record of records) {
      for (const node of record.addedNodes) if (node.matches?.(".wall-page")) goOn(node);
    }
    settle();
  });
  comes.observe(pages, { childList: true });
  // On a slow line the second page is there before this script is.
  for (const page of pages.querySelectorAll(":scope > .wall-page + .wall-page")) goOn(page);
  // Pictures go and come back from here, from the viewer and by Undo.
  new MutationObserver(settle).observe(pages, { subtree: true, attributeFilter: ["hidden"] });
  form.querySelector(".wall-bar").addEventListener("focusout", ({ currentTarget, relatedTarget }) => {
    if (!currentTarget.contains(relatedTarget)) form.toggleAttribute("data-bar", false);
  });
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    // A file comes and the page stays: it must not wait for another.
    if (button.hasAttribute("data-download")) return setBusy(form, false);
    const item = button.closest("[data-picture]");
    // Everything that matches is more than this page knows of.
    if (form.elements.everything.checked && !item) return;
    event.preventDefault();
    if (item) changeOne(button, item);
    else changeChosen(button);
    // Each press is one change; those that come meanwhile wait for their turn.
    setBusy(form, false);
  });
  form.addEventListener("click", (event) => {
    if (event.target.name === "picture") pick(event.target.closest("[data-picture]"), event.shiftKey);
    const shot = event.target.closest("a.shot");
    if (!shot) return;
    // Coming back begins where one left, also when the browser has forgotten the page.
    const here = new URL(location);
    for (const name of ["older_than", "newer_than", "month"]) here.searchParams.delete(name);
    here.searchParams.set("at", shot.closest("li").id.slice(2));
    history.replaceState(history.state, "", here);
  });
  form.addEventListener("focusin", (event) => {
    lastFocused = event.target.closest("[data-picture]") ?? lastFocused;
  });
  // The button goes with its message, and must not take the focus along.
  document.addEventListener("undone", () => {
    if (document.activeElement === document.body) lastFocused?.querySelector("a").focus({ preventScroll: true });
  });
  upTo.addEventListener("click", () => {
    setUpTo(!isUpTo());
    count();
  });
  form.addEventListener("reset", () => {
    leaveBar(lastPicked ?? pictures()[0]);
    setUpTo(false);
    setTimeout(count);
  });
  form.querySelector("#wall-tag")?.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leaveBar(lastPicked ?? pictures()[0]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key.length === 1 && document.documentElement.hasAttribute("data-keys-off")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    // A key that is held down leads along the wall, and changes one thing only.
    if (!Object.hasOwn(keys, name) || (event.repeat && !name.startsWith("Arrow"))) return;
    if (name === "t") event.preventDefault();
    keys[name](event.target.closest?.("[data-picture]"), event.shiftKey);
  });
  // What was ticked before the page was left is ticked still when it comes back.
  count();
}
