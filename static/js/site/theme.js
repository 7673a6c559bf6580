// The three-way switch in the person menu.
const root = document.documentElement;
const choices = document.querySelectorAll('input[name="theme"]');

const current = () => root.dataset.theme ?? "auto";

for (const choice of choices) {
  choice.checked = choice.value === current();
  choice.addEventListener("change", () => {
    if (choice.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice.value;
    try {
      localStorage.setItem("theme", choice.value);
    } catch {
      // It then lasts until the next page.
    }
  });
}
