// Two notices that base.html holds ready: no connection, and something that did not get through.
const show = (id, shown) => {
  const notice = document.getElementById(id);
  if (notice) notice.hidden = !shown;
};

window.addEventListener("offline", () => show("notice-offline", true));
window.addEventListener("online", () => show("notice-offline", false));

// What the page asks by itself says nothing of what a person has sent.
const isAsked = (ctx) => !["progress", "foot"].includes(ctx?.sourceElement?.id);

document.addEventListener("htmx:error", (event) => {
  show("notice-offline", true);
  if (isAsked(event.detail.ctx)) show("notice-broken", true);
});

document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  const { status } = ctx.response;
  show("notice-offline", !isAsked(ctx) && status >= 500);
  if (isAsked(ctx)) show("notice-broken", status >= 400 && status !== 422);
});
