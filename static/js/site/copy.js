// <button data-copy="id">: copies the text of the element with that id and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("button[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  const label = button.querySelector("[data-label]");
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = "Copied";
  } catch {
    // Not over plain http: select it, so that one key copies.
    getSelection().selectAllChildren(source);
    label.textContent = "Selected";
  }
  setTimeout(() => {
    label.textContent = before;
  }, 1600);
});
