// On a narrow window the form is one line in reach of the thumb. It grows while one writes, and its settings are a
// sheet over the page. It shrinks when the focus or the pointer goes elsewhere, never under a press of its own button.
import { close } from "./form.js";

const narrow = matchMedia("(width < 64rem)");
const root = document.documentElement;
const studio = () => document.getElementById("studio-form");
const settings = () => studio().querySelector(".settings");

const grow = (isGrown) => {
  studio().toggleAttribute("data-grown", isGrown);
  // One line shows how the prompt begins.
  if (!isGrown) studio().elements.prompt.scrollTop = 0;
};

const shrink = () => {
  settings().open = false;
  grow(false);
};

const isElsewhere = (target) => narrow.matches && !studio().contains(target) && !target.closest?.("dialog");

const follow = (target) => {
  // A press on what cannot have the focus gives it to the page around the form.
  if (!narrow.matches || target.contains(studio())) return;
  if (isElsewhere(target)) return shrink();
  if (!studio().contains(target)) return;
  if (!settings().contains(target)) settings().open = false;
  if (!target.closest(".settings, .foot")) grow(true);
};

// The place of the keyboard on a screen where it covers the page instead of shrinking it.
const makeRoom = () => {
  const { height, offsetTop, scale } = visualViewport;
  const covered = scale === 1 ? Math.max(0, innerHeight - height - offsetTop) : 0;
  root.style.setProperty("--keyboard", `${covered}px`);
};

if (studio()) {
  document.addEventListener("focusin", (event) => follow(event.target));
  document.addEventListener("pointerdown", ({ target }) => {
    if (isElsewhere(target)) shrink();
    // What is dark around the sheet.
    else if (target === settings()) settings().open = false;
  });
  document.addEventListener("queue-changed", () => {
    if (narrow.matches) shrink();
  });
  // What the browser refuses has to be in sight, or it could not be shown.
  document.addEventListener("invalid", ({ target }) => studio().contains(target) && grow(true), true);

  document.addEventListener("click", ({ target }) => {
    if (target.closest?.("[data-close-settings]")) close(settings());
    else if (target.closest?.("#badge") && narrow.matches) shrink();
  });
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (target !== settings() || !target.open || !narrow.matches) return;
      if (target.querySelector(".settings-body").contains(document.activeElement)) return;
      target.querySelector("[data-close-settings]").focus();
    },
    true,
  );

  // Notices are shown above it, and the page ends above it.
  new ResizeObserver(() => root.style.setProperty("--compose", `${studio().offsetHeight}px`)).observe(studio());
  narrow.addEventListener("change", () => follow(document.activeElement));
  visualViewport?.addEventListener("resize", makeRoom);
  // The focus was there before this script was.
  if (studio().contains(document.activeElement)) follow(document.activeElement);
}
