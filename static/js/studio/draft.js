// What is being written is kept on the server. What the server did not take stays in the tab until it does:
// past a reload, and past a login.
const LATER = 700;
// A request that may outlive its page carries at most 64 KiB.
const SMALL = 60_000;
const UNSENT = "unsent";
let timer = 0;
let saved = Promise.resolve();
// What stood in the form when it last changed, until the server has it; and what was sent with the form itself.
let unsent = "";
let posted = "";
let isRefused = false;

const studio = () => document.getElementById("studio-form");

// The newest last: what the page came with, and what it has sent. Whoever leaves and comes back at once may meet
// any of them, and none of them is news from another device.
const KNOWN = 5;
let known = [];

const bare = (body) => {
  const values = new URLSearchParams(body);
  // The page has newer ones.
  values.delete("csrfmiddlewaretoken");
  values.delete("press");
  return String(values);
};
const current = () => bare(new URLSearchParams(new FormData(studio())));
const remember = (body) => {
  known = [...known.filter((other) => other !== body), body].slice(-KNOWN);
};

const tell = () => {
  const place = document.getElementById("draft-told");
  const told = isRefused ? "Not saved: kept in this tab" : "";
  if (place && place.textContent !== told) place.textContent = told;
};

const hold = (before) => {
  const person = studio()?.dataset.person;
  try {
    if (unsent && person) sessionStorage.setItem(UNSENT, JSON.stringify({ person, body: unsent, before }));
    if (!unsent) sessionStorage.removeItem(UNSENT);
  } catch {
    // It then lasts as long as the page.
  }
};

const held = () => {
  try {
    return JSON.parse(sessionStorage.getItem(UNSENT)) ?? {};
  } catch {
    return {};
  }
};

const settle = (body, isTaken) => {
  if (isTaken && body === unsent) unsent = "";
  isRefused = !isTaken;
  hold();
  tell();
};

// A redirect leads to the login: nothing was saved.
const send = async (body) => {
  remember(bare(body));
  const keepalive = body.length < SMALL;
  const sent = fetch(studio().dataset.draft, {
    method: "POST",
    body: new URLSearchParams(body),
    keepalive,
    redirect: "manual",
  });
  settle(body, await sent.then((answer) => answer.ok).catch(() => false));
};

// The next page may be drawn before this arrives, so the tab keeps it too.
const leave = (body) => {
  hold(known);
  send(body);
};

// One after the other, for of two at once the older might be written last. A page that goes cannot wait.
const save = (event) => {
  clearTimeout(timer);
  const body = unsent;
  if (!body || !studio()) return;
  if (event?.type === "pagehide") leave(body);
  else saved = saved.then(() => send(body));
};

const isDrafted = ({ target }) => target.form?.id === "studio-form" && target.name !== "endpoint";
const note = () => {
  clearTimeout(timer);
  unsent = String(new URLSearchParams(new FormData(studio())));
};

document.addEventListener("input", (event) => {
  if (!isDrafted(event)) return;
  note();
  timer = setTimeout(save, LATER);
});
document.addEventListener("change", (event) => {
  // A pick may have changed more than itself.
  if (!isDrafted(event) || !unsent) return;
  note();
  save();
});
addEventListener("pagehide", save);
addEventListener("online", save);

// What is sent with the form is kept by the server that gets it.
const isForm = (ctx) => ctx?.request.method === "POST" && ctx.target?.id === "studio-form";

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (!isForm(ctx)) return;
  clearTimeout(timer);
  posted = unsent = String(ctx.request.body);
});

document.addEventListener("htmx:before:response", ({ detail: { ctx } }) => {
  const { status, headers } = ctx.response;
  // The session has ended, and the page is about to be loaded anew.
  if (headers.has("HX-Refresh")) hold();
  else if (isForm(ctx)) settle(posted, status < 400 || status === 422);
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (isForm(ctx)) settle(posted, false);
});

document.addEventListener("htmx:after:swap", tell);

const bringBack = async () => {
  if (!studio()) return;
  remember(current());
  const { person, body, before } = held();
  if (!body) return;
  if (person !== studio().dataset.person) return hold();
  const isOld = before && (bare(body) === current() || !before.includes(current()));
  if (isOld) return hold();
  const values = Object.fromEntries(new URLSearchParams(bare(body)));
  await htmx.ajax("POST", studio().dataset.draft, { target: "#studio-form", swap: "outerMorph", values });
};

// Whoever comes to an idle studio comes to write, and types at once. Not on a phone, whose keyboard would cover
// the pictures; nor while something moves, or when one goes back: then one comes to look.
const begin = () => {
  const isDesk = matchMedia("(width >= 64rem) and (pointer: fine)").matches;
  const [{ type }] = performance.getEntriesByType("navigation");
  const isElsewhere = location.hash || document.activeElement !== document.body;
  if (!studio() || !isDesk || type !== "navigate" || isElsewhere) return;
  if (document.querySelector("#progress .working")) return;
  const { prompt } = studio().elements;
  prompt.focus({ preventScroll: true });
  prompt.setSelectionRange(prompt.value.length, prompt.value.length);
};

// What is brought back would take the place of what is typed meanwhile.
bringBack().then(begin);
