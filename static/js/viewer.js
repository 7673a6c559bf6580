// The viewer: a page of its own, or in a dialog over the wall that one came from. Neighbours are fetched before they
// are asked for. All of it is links and forms beneath.
import { change, remember, setFavourite } from "./change.js";
import { setBusy } from "./form.js";
import { zoomable } from "./zoom.js";

const fetched = new Map();
const notices = document.querySelector(".notices");
let dialog = null;
let zoom = null;
let wanted = "";
// Open or closed by hand; until then as wide as the window is.
let panelChoice = null;

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

// The blurred placeholder shines beyond the picture's edges: once that is there, it has done its work.
const whenLoaded = (image) => {
  const done = () => image.closest(".view-picture").setAttribute("data-loaded", "");
  if (image.complete) done();
  else image.addEventListener("load", done);
};

const lookAhead = () => {
  for (const rel of ["next", "prev"]) prepare(viewer().querySelector(`[rel=${rel}]`));
};

const start = (view) => {
  for (const image of view.querySelectorAll("img.size")) whenLoaded(image);
  setPanel(view, panelChoice);
  zoom = zoomable(view, (way) => swipes[way]());
  lookAhead();
};

const put = (page, url) => {
  const old = viewer();
  const held = old.contains(document.activeElement) ? document.activeElement : null;
  const again = held?.rel || (held?.hasAttribute("data-toggle-panel") && "panel");
  old.replaceWith(page.view);
  document.title = page.title;
  history.replaceState(history.state, "", url);
  window.htmx?.process(page.view);
  start(page.view);
  follow();
  const next = page.view.querySelector(again === "panel" ? "[data-toggle-panel]" : `[rel=${again || "none"}]`);
  (next ?? page.view).focus({ preventScroll: true });
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

const close = () => {
  const link = below();
  document.title = dialog.dataset.title;
  fetched.clear();
  document.getElementById("main").before(notices);
  dialog.close();
  dialog.remove();
  dialog = null;
  wanted = "";
  link?.scrollIntoView({ block: "nearest" });
  link?.focus({ preventScroll: true });
};

const leave = () => {
  if (dialog) history.back();
  else viewer().querySelector("[data-back]").click();
};

// Those that go on while they are held down; the others would change one picture after the other.
const HELD = ["ArrowLeft", "ArrowRight", "+", "=", "-"];

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
  Delete: () => document.getElementById("order-trash")?.click(),
};

function onKey(event) {
  if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  // A dialog tells of Escape by itself.
  if (event.key === "Escape" && !dialog) leave();
  if (event.repeat && !HELD.includes(event.key)) return;
  if (event.key.length === 1 && document.documentElement.hasAttribute("data-keys-off")) return;
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

document.addEventListener("keydown", (event) => {
  if (viewer() && !dialog) onKey(event);
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

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx?.target?.id !== "order") return;
  const item = dialog && place();
  const was = item?.hasAttribute("data-favourite");
  follow();
  forget();
  const made = document.querySelector("#messages form[data-undo]");
  if (made) remember(made.action, () => item && setFavourite(item, was));
});

document.addEventListener("undone", () => {
  if (viewer()) show(location.href);
});

const putInTrash = async (form) => {
  const item = place();
  const hide = (isHidden) => item?.toggleAttribute("hidden", isHidden);
  const all = [...document.querySelectorAll("[data-picture]:not([hidden])")];
  const next = all[all.indexOf(item) + 1] ?? all[all.indexOf(item) - 1];
  if (!(await change(form.action, new FormData(form), () => hide(false)))) return setBusy(form, false);
  const leaveItThere = () => {
    hide(true);
    if (item) next?.querySelector("a").focus();
  };
  addEventListener("popstate", leaveItThere, { once: true });
  leave();
};

document.addEventListener("submit", (event) => {
  if (!dialog || event.submitter?.id !== "order-trash") return;
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
