// Runs before the first paint, so that no page flashes in the wrong theme. The key and its
// values ("auto", "light", "dark") are those of Django's admin: one choice serves both.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's theme is then the answer.
  }
})();
