// Two notices that base.html holds ready: no connection, and an answer that nobody expected.
const show = (id, shown) => {
  const notice = document.getElementById(id);
  if (notice) notice.hidden = !shown;
};

window.addEventListener("offline", () => show("notice-offline", true));
window.addEventListener("online", () => show("notice-offline", false));

document.addEventListener("htmx:error", () => show("notice-offline", true));
document.addEventListener("htmx:before:response", (event) => {
  const { status } = event.detail.ctx.response;
  show("notice-offline", false);
  show("notice-broken", status >= 400 && status !== 422);
});
