// Changes to pictures: posted without leaving the page, told below the header, taken back by Undo.
import { setBusy } from "../studio/form.js";

let turn = Promise.resolve();
let undo = null;

// Resolves to the form that takes it back, if there is something to take back.
const send = async (address, data) => {
  // Form data would go as one part for each picture, which the site takes apart ten times as slowly.
  const body = new URLSearchParams(data);
  const response = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } });
  // The session has ended: the page itself leads to the login. Nothing that waits for this goes on.
  if (response.headers.has("HX-Refresh")) {
    location.reload();
    return new Promise(() => {});
  }
  if (!response.ok) throw new Error(response.statusText);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  // The element stays: of one that is new, screen readers say nothing.
  const messages = document.getElementById("messages");
  messages.replaceChildren(...page.getElementById("messages").children);
  document.getElementById("notice-broken").hidden = true;
  document.dispatchEvent(new Event("changed"));
  return messages.querySelector("form[data-undo]");
};

// One after the other, in the order of the presses.
const post = (address, data) => (turn = turn.catch(() => {}).then(() => send(address, data)));

const broken = () => {
  document.getElementById("notice-broken").hidden = false;
};

// What an Undo that stands there does to this page. Without it the page is left and comes back.
export const remember = (address, back) => {
  undo = { address, back };
};

// Resolves to whether something has changed; if nothing has, `back` is called at once.
export const change = async (address, data, back) => {
  const form = await post(address, data).catch(broken);
  if (form) remember(form.action, back);
  else back();
  return Boolean(form);
};

export const setFavourite = (item, on) => {
  const heart = item.querySelector(".heart");
  if (!heart) return;
  item.toggleAttribute("data-favourite", on);
  heart.setAttribute("aria-pressed", String(on));
  heart.value = on ? "no" : "yes";
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  const pressed = undo;
  if (pressed?.address !== form.action) return;
  event.preventDefault();
  const done = () => {
    if (undo === pressed) undo = null;
    pressed.back();
    document.dispatchEvent(new Event("undone"));
  };
  post(form.action, new FormData(form))
    .then(done, broken)
    .finally(() => setBusy(form, false));
});
