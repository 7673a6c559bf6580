// The studio form: one press is one request, Ctrl or Cmd with Enter presses, the prompt is counted.
const button = (form) => form.querySelector('button[type="submit"]:not([formaction])');

export const close = (list) => {
  list.open = false;
  list.querySelector("summary").focus({ preventScroll: true });
};

export const setBusy = (form, busy) => {
  form.toggleAttribute("data-busy", busy);
  form.setAttribute("aria-busy", String(busy));
};

// A disabled button would throw the focus away, so the press itself is refused instead.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    const refused = event.submitter?.getAttribute("aria-disabled") === "true";
    if (refused || (form.method === "post" && form.hasAttribute("data-busy"))) {
      event.preventDefault();
      event.stopImmediatePropagation();
      // Perhaps it holds no longer.
      if (refused) htmx.trigger("#foot", "stale");
    } else if (form.method === "post") {
      setBusy(form, true);
    }
  },
  true,
);

document.addEventListener("htmx:finally:request", (event) => {
  const form = event.target.closest?.("form[data-busy]");
  if (form) setBusy(form, false);
});

// Back from the browser's cache, the form is as it was left: busy.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-busy]")) setBusy(form, false);
});

// Enter that is held down would buy again and again; in a field it would buy what was only being set, so it
// leads to the button, which says what that costs.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.closest?.("#studio-form")) return;
  const { form } = event.target;
  const isField = event.target.matches("input, select");
  if (event.repeat || isField) event.preventDefault();
  if (!isField || event.ctrlKey || event.metaKey) return;
  const list = event.target.closest("details[data-close-on-pick]");
  if (list) close(list);
  else button(form).focus();
});

// Escape closes the list of models, or the sheet of the settings; elsewhere it leads from the form to the pictures, where single keys work.
// Where nothing was made yet their title is out of sight, and another one stands there.
const titles = () => [...document.querySelectorAll("#work-title, #progress .blank h2")];
const isSeen = (title) => title.checkVisibility({ visibilityProperty: true });

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.closest?.("#studio-form")) return;
  const list = event.target.closest("details[data-close-on-pick][open], .settings[open]");
  if (list?.querySelector("summary").checkVisibility()) close(list);
  else titles().find(isSeen)?.focus({ preventScroll: true });
});

// From beside the form too; but a link is opened in a new tab by these keys, and what a dialog covers is not sent.
const quick = (target) => {
  const isElsewhere = target.closest?.("a, button, form") || document.querySelector("dialog[open]");
  return isElsewhere ? target.closest?.("form[data-quick-submit]") : document.getElementById("studio-form");
};

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.repeat || !(event.ctrlKey || event.metaKey)) return;
  const form = quick(event.target);
  if (!form) return;
  event.preventDefault();
  form.requestSubmit(button(form));
});

const count = (prompt) => {
  const output = document.getElementById("prompt-count");
  const length = prompt.value.length;
  const most = Number(prompt.dataset.maxLength);
  if (!length) output.textContent = "";
  else if (most > 0 && length > most * 0.8) {
    output.textContent = `${length.toLocaleString("en")} of ${most.toLocaleString("en")}`;
  } else output.textContent = length.toLocaleString("en");
};

// Morphing leaves alone what was typed or picked. Where the answer fills the form, it takes the answer's place.
const fill = (form) => {
  for (const field of form.elements) {
    if (field.type === "hidden" || (form.dataset.fresh === "settings" && field.name === "prompt")) continue;
    if ("defaultChecked" in field) field.checked = field.defaultChecked;
    if (field.options) for (const option of field.options) option.selected = option.defaultSelected;
    else if ("defaultValue" in field && field.value !== field.defaultValue) field.value = field.defaultValue;
  }
  delete form.dataset.fresh;
};

const refresh = () => {
  const form = document.getElementById("studio-form");
  if (!form) return;
  if (form.dataset.fresh) fill(form);
  count(form.elements.prompt);
  // A group of radios whose chosen one is gone would be left with none.
  for (const group of form.querySelectorAll("[data-radios]")) {
    if (group.querySelector(":checked")) continue;
    const first = group.querySelector("input[checked]");
    if (first) first.checked = true;
  }
  for (const invalid of form.querySelectorAll('[aria-invalid="true"]')) {
    for (let parent = invalid.closest("details"); parent; ) {
      parent.open = true;
      parent = parent.parentElement.closest("details");
    }
  }
  // Once for each refusal: the next answer brings a form without the mark.
  const invalid = form.querySelector('[aria-invalid="true"]');
  if (!invalid || form.hasAttribute("data-shown")) return;
  form.toggleAttribute("data-shown", true);
  invalid.focus();
};

document.addEventListener("input", (event) => {
  if (event.target.matches("#studio-form [name=prompt]")) count(event.target);
});

// Picked with the pointer, the list of models has done its work; with the keyboard it stays.
document.addEventListener("click", (event) => {
  if (event.detail === 0) return;
  const list = event.target.closest?.("label, input")?.closest("details[data-close-on-pick]");
  if (!list) return;
  close(list);
});

// The picture just asked for stands first: show it, however far down one was looking. In a low window the form
// stands above it.
document.addEventListener("queue-changed", () => {
  scrollTo({ top: 0 });
  const title = document.getElementById("work-title");
  if (title.getBoundingClientRect().top > innerHeight / 2) title.scrollIntoView();
});

document.addEventListener("htmx:after:swap", refresh);
refresh();
