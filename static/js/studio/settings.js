// The settings of the studio's form: the price, the drawn shape and the resets follow what is being set.
// The server has the last word on all of it.
const studio = () => document.getElementById("studio-form");
const field = (name) => studio().elements[name];

const set = (input, value) => {
  if (input.type === "checkbox") input.checked = value === "true";
  else input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
};

// The price. Credits come in ten-thousandths, whole numbers that add up exactly.

const credits = (amount) =>
  (amount / 10_000).toLocaleString("en", { maximumFractionDigits: 4 }).replace("-", "−");

const countNow = () => {
  const count = Number(field("count").value);
  return Number.isInteger(count) && count >= 1 ? count : 1;
};

const reckon = () => {
  const foot = document.getElementById("foot");
  const told = (what) => foot.querySelector(`[data-told="${what}"]`);
  const { price, balance, bounds } = JSON.parse(foot.dataset.room);
  const count = countNow();
  const total = price * count;
  const refusal = bounds.find(([most]) => count > most)?.[1] ?? "";
  const many = count > 1 ? ` ${count}` : "";
  told("press").textContent = `Generate${many}\u00a0· ${credits(total)} credit${total === 10_000 ? "" : "s"}`;
  told("left").textContent = `Leaves ${credits(balance - total)} credits`;
  told("left").hidden = refusal !== "";
  if (told("refusal").textContent !== refusal) told("refusal").textContent = refusal;
  const button = foot.querySelector("button");
  button.setAttribute("aria-describedby", `${refusal ? "refusal" : "left-after"} room`);
  if (refusal) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
};

// The shape.

const draw = (width, height) => {
  for (const preview of studio().querySelectorAll("[data-preview]")) {
    preview.querySelector("svg").setAttribute("viewBox", `0 0 ${width} ${height}`);
    preview.querySelector("path").setAttribute("d", `M0 0H${width}V${height}H0Z`);
    preview.querySelector("span").textContent = `${width} × ${height}`;
  }
};

const tell = (shape) => {
  studio().querySelector("[data-shape-told]").textContent = shape;
};

const drawSize = (sizes) => {
  const [width, height] = ["width", "height"].map((name) => field(name));
  if (!width.value || !height.value || !width.checkValidity() || !height.checkValidity()) return;
  draw(width.value, height.value);
  tell(`${width.value} × ${height.value}`);
  for (const shape of sizes.querySelectorAll("[data-width]")) {
    const ratio = shape.dataset.width / shape.dataset.height;
    const same = Math.abs(width.value / height.value / ratio - 1) <= 0.03;
    shape.setAttribute("aria-pressed", String(same));
    if (same) tell(shape.textContent.trim());
  }
};

const refusalOf = (typed, { widest, refusals }) => {
  const [form, range] = JSON.parse(refusals);
  const [width, height] = /^\s*(\d{1,4})\s*:\s*(\d{1,4})\s*$/.exec(typed)?.slice(1).map(Number) ?? [0, 0];
  if (!width || !height) return form;
  const [long, short] = widest.split(":").map(Number);
  return width * short > height * long || height * short > width * long ? range : "";
};

// Beside the field and tied to it, while one types. Unchanged, it is not announced again.
const say = (own, refusal) => {
  const place = document.getElementById(`${own.id}_error`);
  if (place.textContent !== refusal) place.textContent = refusal;
  if (refusal) own.setAttribute("aria-invalid", "true");
  else own.removeAttribute("aria-invalid");
};

const drawRatio = (shapes) => {
  const own = field("aspect_ratio_custom");
  const refusal = own.value.trim() ? refusalOf(own.value, own.dataset) : "";
  say(own, refusal);
  const ratio = own.value.trim() || shapes.querySelector(":checked")?.value;
  if (refusal || !ratio) return;
  const [width, height] = ratio.split(":").map(Number);
  const scale = Math.sqrt((shapes.dataset.megapixels * 1024 * 1024) / (width * height));
  draw(...[width, height].map((side) => Math.max(16, Math.round((side * scale) / 16) * 16)));
  tell(ratio);
};

// The seed, and what is not as it was at first.

const seeds = () => {
  const same = studio().querySelector("[data-same]");
  if (same) same.hidden = field("seed_mode").value !== "locked" || countNow() < 2;
};

const resets = () => {
  for (const reset of studio().querySelectorAll("[data-reset]")) {
    const input = field(reset.value);
    const value = input.type === "checkbox" ? String(input.checked) : input.value;
    reset.toggleAttribute("data-changed", value.toLowerCase() !== reset.dataset.reset);
  }
};

const follow = () => {
  if (!studio()) return;
  const sizes = studio().querySelector("[data-sizes]");
  const shapes = studio().querySelector("[data-megapixels]");
  if (sizes) drawSize(sizes);
  if (shapes) drawRatio(shapes);
  seeds();
  resets();
  reckon();
};

document.addEventListener("input", (event) => {
  if (event.target.form?.id === "studio-form") follow();
});

document.addEventListener("change", (event) => {
  const { target } = event;
  // A shape that was picked takes the place of one that was typed.
  if (target.matches("[data-shapes] input[type=radio]")) field("aspect_ratio_custom").value = "";
  const wantsSeed = target.name === "seed_mode" && target.value !== "random" && !field("seed").value;
  if (wantsSeed) set(field("seed"), String(crypto.getRandomValues(new Uint32Array(1))[0]));
  if (target.form?.id === "studio-form") follow();
});

const CLICKS = {
  "[data-step]": (button) => {
    const count = field("count");
    const next = countNow() + Number(button.dataset.step);
    set(count, String(Math.min(Math.max(next, 1), Number(count.max))));
  },
  "[data-width]": ({ dataset }) => {
    set(field("width"), dataset.width);
    set(field("height"), dataset.height);
  },
  "[data-reset]": (button) => {
    set(field(button.value), button.dataset.reset);
    // The button goes with its reason; the setting is the next best place.
    field(button.value).focus();
  },
};

document.addEventListener("click", (event) => {
  for (const [selector, act] of Object.entries(CLICKS)) {
    const button = event.target.closest?.(`#studio-form ${selector}`);
    if (!button) continue;
    event.preventDefault();
    act(button);
  }
});

// What the browser refuses may stand in a fold that is closed, where it could not be shown.
document.addEventListener(
  "invalid",
  (event) => {
    for (let fold = event.target.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
  },
  true,
);

// What stands at the button is of the moment it was drawn. It is asked for again when the panel tells of other credits
// or places to wait than it knows of, not with every step of a picture and of the line; and when one comes back to
// the page, since limits and prices may have changed meanwhile. Either may have caught a moment that has passed, so it
// is asked once more; a panel that asks no more may be older for good.
const FRESH = 3000;
const standOf = (id) => document.getElementById(id)?.dataset.stand;
let isOld = false;
let tried = "";
let asked = 0;
let due = 0;

const forget = () => {
  isOld = true;
};
document.addEventListener("visibilitychange", forget);
window.addEventListener("pageshow", forget);

const freshen = () => {
  asked = Date.now();
  due = 0;
  isOld = false;
  const foot = document.getElementById("foot");
  if (foot) htmx.trigger(foot, "stale");
};

document.addEventListener("htmx:after:swap", () => {
  follow();
  const [foot, panel] = [standOf("foot"), standOf("progress")];
  const pair = foot === panel ? "" : `${foot} ${panel}`;
  const isNews = pair && pair !== tried;
  tried = pair;
  if (isOld || isNews) due ||= setTimeout(freshen, Math.max(asked + FRESH - Date.now(), 0));
});

follow();
