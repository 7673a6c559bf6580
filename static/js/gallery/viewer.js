// The viewer: a page of its own, or in a dialog over the wall that one came from. Neighbours are fetched before they
// are asked for. All of it is links and forms beneath.
import { change, remember, setFavourite } from "./change.js";
import { setBusy } from "../studio/form.js";
import { zoomable } from "./zoom.js";

const fetched = new Map();
const notices = document.querySelector(".notices");
let dialog = null;
let zoom = null;
let wanted = "";
// Open or closed by hand; until then as wide as the window is.
let panelChoice = null;
let hadFocus = false;

const viewer = () => document.querySelector("dialog [data-viewer]") ?? document.querySelector("[data-viewer]");
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

// Asked for ahead, a picture has not been looked at yet.
const read = async (url) => {
  const response = await fetch(url, { headers: { "X-Prefetch": "yes" } });
  if (!response.ok || response.redirected) throw new Error(`${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const view = page.querySelector("[data-viewer]");
  if (!view) throw new Error("no viewer");
  return { view: document.importNode(view, true), title: page.title };
};

const load = (url) => {
  if (!fetched.has(url)) fetched.set(url, read(url).catch(() => null));
  return fetched.get(url);
};

// What was fetched is shown once: the next time it may have changed.
const take = async (url) => {
  const page = await load(url);
  fetched.delete(url);
  if (page?.view.hasAttribute("data-unseen")) fetch(url, { method: "HEAD" }).catch(() => {});
  return page;
};

const prepare = async (link) => {
  if (!link) return;
  const page = await load(link.href);
  const source = page?.view.querySelector("img.size")?.getAttribute("src");
  if (source) new Image().src = source;
};

const setPanel = (view, isOpen) => {
  if (isOpen !== null) view.dataset.panel = isOpen ? "open" : "closed";
  const toggle = view.querySelector("[data-toggle-panel]");
  toggle.setAttribute("aria-expanded", String(view.querySelector("#panel").checkVisibility()));
};

const togglePanel = () => {
  const view = viewer();
  panelChoice = !view.querySelector("#panel").checkVisibility();
  setPanel(view, panelChoice);
};

const isSheetOpen = () =>
  matchMedia("(width < 64rem)").matches && viewer().querySelector("#panel").checkVisibility();

const step = (rel) => {
  const link = viewer().querySelector(`[rel=${rel}]`);
  if (link) show(link.href);
};

const swipes = {
  left: () => step("next"),
  right: () => step("prev"),
  up: () => setPanel(viewer(), (panelChoice = true)),
  down: () => (isSheetOpen() ? togglePanel() : leave()),
};

const lookAhead = () => {
  for (const rel of ["next", "prev"]) prepare(viewer().querySelector(`[rel=${rel}]`));
};

const start = (view) => {
  setPanel(view, panelChoice);
  zoom = zoomable(view, (way) => swipes[way]());
  lookAhead();
};

const put = (page, url) => {
  const old = viewer();
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  // A picture that comes by itself leaves alone whoever is in the header.
  const isHere = dialog || held || document.activeElement === document.body;
  const again = held?.rel || (held?.hasAttribute("data-toggle-panel") && "panel");
  old.replaceWith(page.view);
  document.title = page.title;
  history.replaceState(history.state, "", url);
  window.htmx?.process(page.view);
  start(page.view);
  follow();
  const next = page.view.querySelector(again === "panel" ? "[data-toggle-panel]" : `[rel=${again || "none"}]`);
  if (isHere) (next ?? page.view).focus({ preventScroll: true });
};

// Of several presses the last one counts.
const show = async (url) => {
  wanted = url;
  const page = await take(url);
  if (wanted !== url) return;
  if (page) put(page, url);
  else location.assign(url);
};

const open = async (url, isNew) => {
  wanted = url;
  const page = await take(url);
  if (wanted !== url || dialog) return;
  if (!page) return location.assign(url);
  dialog = document.createElement("dialog");
  dialog.className = "viewer view-dialog";
  dialog.setAttribute("aria-label", "Picture");
  dialog.dataset.title = document.title;
  // Below a modal dialog nothing is seen, heard or pressed.
  dialog.append(notices, page.view);
  document.body.append(dialog);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });
  dialog.addEventListener("keydown", (event) => {
    onKey(event);
    // What stands below has keys of its own.
    event.stopPropagation();
  });
  dialog.showModal();
  page.view.focus();
  if (isNew) history.pushState({ viewer: true }, "", url);
  document.title = page.title;
  window.htmx?.process(page.view);
  start(page.view);
};

// The wall's own link to the picture that is shown, and its place there.
const below = () => document.querySelector(`.wall a[href^="${viewer().dataset.url}"]`);
const place = () => below()?.closest("[data-picture]");

// What is done here is seen on the wall below without a reload.
const follow = () => {
  const favourite = dialog?.querySelector("#order-favourite");
  if (favourite && place()) setFavourite(place(), favourite.getAttribute("aria-pressed") === "true");
};

// An item that has left the wall leads to the one after it.
const nearest = (item) => {
  if (!item.hidden) return item;
  const all = [...document.querySelectorAll("[data-picture]")].filter((one) => one === item || !one.hidden);
  return all[all.indexOf(item) + 1] ?? all[all.indexOf(item) - 1];
};

const close = () => {
  const item = place();
  const around = viewer().querySelector("[data-back]").href;
  document.title = dialog.dataset.title;
  fetched.clear();
  document.getElementById("main").before(notices);
  dialog.close();
  dialog.remove();
  dialog = null;
  wanted = "";
  // One that this page has not come to: the wall opens again, around it.
  if (!item) return location.replace(around);
  const link = nearest(item)?.querySelector("a");
  link?.scrollIntoView({ block: "nearest" });
  // Of the last picture, Undo is what remains.
  (link ?? document.querySelector("#messages [data-undo] button"))?.focus({ preventScroll: true });
};

const leave = () => {
  if (dialog) history.back();
  else viewer().querySelector("[data-back]").click();
};

// Those that go on while they are held down; the others would change one picture after the other.
const HELD = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "=", "-"];

// Over a picture that is larger than its place, the arrows lead across it.
const across = {
  ArrowLeft: () => zoom.pan(-1, 0),
  ArrowRight: () => zoom.pan(1, 0),
  ArrowUp: () => zoom.pan(0, -1),
  ArrowDown: () => zoom.pan(0, 1),
};

const putInTrashByKey = () => document.getElementById("order-trash")?.click();

const keys = {
  ArrowLeft: () => step("prev"),
  ArrowRight: () => step("next"),
  i: togglePanel,
  "+": () => zoom.more(),
  "=": () => zoom.more(),
  "-": () => zoom.less(),
  0: () => zoom.reset(),
  f: () => document.getElementById("order-favourite")?.click(),
  t: () => {
    setPanel(viewer(), (panelChoice = true));
    document.getElementById("order-tag")?.focus();
  },
  r: () => document.getElementById("order-restore")?.click(),
  v: () => viewer().querySelector('a[href*="use=vary"]')?.click(),
  Delete: putInTrashByKey,
  // What is marked Delete on a Mac.
  Backspace: putInTrashByKey,
  "?": () => document.querySelector("[data-keys]")?.click(),
};

const actOf = (key) => {
  const own = viewer().hasAttribute("data-zoomed") ? { ...keys, ...across } : keys;
  return Object.hasOwn(own, key) && own[key];
};

function onKey(event) {
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  // A dialog tells of Escape by itself.
  if (event.key === "Escape" && !dialog) leave();
  if (event.repeat && !HELD.includes(event.key)) return;
  // "?" stays, for it is the way to switch the others on again.
  const isOff = document.documentElement.hasAttribute("data-keys-off");
  if (isOff && event.key.length === 1 && event.key !== "?") return;
  const act = actOf(event.key);
  if (!act) return;
  event.preventDefault();
  act();
}

document.addEventListener("keydown", (event) => {
  if (viewer() && !document.querySelector("dialog[open]")) onKey(event);
});

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest?.("a");
  if (event.target.closest?.("[data-toggle-panel]")) return togglePanel();
  if (!link) return;
  if (link.matches(".wall a.shot")) open(link.href, true);
  else if (link.matches("[data-viewer] [rel=next], [data-viewer] [rel=prev]")) show(link.href);
  else if (dialog && link.matches("[data-back]")) leave();
  else return;
  event.preventDefault();
});

// A press takes longer than half of the way to the server and back.
document.addEventListener("pointerdown", (event) => {
  const link = event.target.closest?.(".wall a.shot");
  if (link) load(link.href);
});

// What was fetched ahead is of before.
const forget = () => {
  fetched.clear();
  if (viewer()) lookAhead();
};

document.addEventListener("changed", forget);

// What was pressed may be gone, as Restore is, or a tag that was taken off.
const keepFocus = (around) => {
  if (hadFocus && !viewer().contains(document.activeElement)) around.focus({ preventScroll: true });
};

// A tag that was added leaves its field; what was typed meanwhile stays.
const clearTag = ({ form, body }) => {
  const field = document.getElementById("order-tag");
  if (form.contains(field) && field.value === body.get("tag")) field.value = "";
};

const afterOrder = (request) => {
  const item = dialog && place();
  const was = item?.hasAttribute("data-favourite");
  const isBack = Boolean(item?.closest("[data-trash]") && document.getElementById("order-trash"));
  follow();
  if (isBack) item.hidden = true;
  forget();
  const made = document.querySelector("#messages form[data-undo]");
  const takeBack = () => {
    setFavourite(item, was);
    if (isBack) item.hidden = false;
  };
  if (made) {
    remember(made.action, () => item && takeBack());
    clearTag(request);
  }
  keepFocus(document.getElementById("order"));
};

// What the picture's coming brings stands in part outside of what was swapped.
const afterView = () => {
  const view = viewer();
  if (view.querySelector("img.size") && !view.querySelector("[data-zoom]")) show(location.href);
  else keepFocus(view);
};

document.addEventListener("htmx:before:swap", () => {
  hadFocus = Boolean(viewer()?.contains(document.activeElement));
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  const id = ctx?.target?.id;
  if (id === "order") afterOrder(ctx.request);
  if (id === "view" && viewer()) afterView();
});

document.addEventListener("undone", () => {
  if (viewer()) show(location.href);
});

const putInTrash = async (form) => {
  const item = place();
  const was = item.hidden;
  const isDone = await change(form.action, new FormData(form), () => (item.hidden = was));
  if (!isDone) return setBusy(form, false);
  // Where it was restored above the trash, it is back there.
  item.hidden = !item.closest("[data-trash]");
  leave();
};

document.addEventListener("submit", (event) => {
  // One that the wall below has not come to is posted, and leads to the wall around it.
  if (!dialog || !place() || event.submitter?.id !== "order-trash") return;
  event.preventDefault();
  putInTrash(event.target);
});

window.addEventListener("popstate", () => {
  const page = document.querySelector("main [data-viewer]");
  // A viewer that was loaded anew knows nothing of the wall it was opened from.
  if (page) {
    if (page.dataset.url !== location.pathname) location.reload();
  } else if (history.state?.viewer) open(location.href, false);
  else if (dialog) close();
});

if (viewer()) start(viewer());
