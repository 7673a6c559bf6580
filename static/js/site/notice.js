// Two notices that base.html holds ready: no connection, and something that did not get through.
const show = (id, shown) => {
  const notice = document.getElementById(id);
  if (notice) notice.hidden = !shown;
};

window.addEventListener("offline", () => show("notice-offline", true));
window.addEventListener("online", () => show("notice-offline", false));

// What a page asks for says nothing of what a person has sent: that is never a GET.
const isSent = (ctx) => Boolean(ctx) && ctx.request.method !== "GET";

document.addEventListener("htmx:error", (event) => {
  show("notice-offline", true);
  if (isSent(event.detail.ctx)) show("notice-broken", true);
});

document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  const { status } = ctx.response;
  show("notice-offline", !isSent(ctx) && status >= 500);
  if (isSent(ctx)) show("notice-broken", status >= 400 && status !== 422);
});
