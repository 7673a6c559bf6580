// Zoom and pan of the viewer's picture: wheel, two fingers, double click, keys. One finger on a picture that is not
// zoomed is a swipe, and told to whoever asked.
const LARGEST = 8;
const SWIPE = 56;

const clamp = (value, most) => Math.min(most, Math.max(-most, value));

export const zoomable = (view, onSwipe) => {
  const stage = view.querySelector(".view-stage");
  const button = view.querySelector("[data-zoom]");
  const fingers = new Map();
  let scale = 1;
  let x = 0;
  let y = 0;
  let start = null;

  const picture = () => stage.querySelector("img.size");

  const apply = () => {
    const image = picture();
    x = clamp(x, Math.max(0, (image.offsetWidth * scale - stage.clientWidth) / 2));
    y = clamp(y, Math.max(0, (image.offsetHeight * scale - stage.clientHeight) / 2));
    image.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    view.toggleAttribute("data-zoomed", scale > 1);
    button?.setAttribute("aria-pressed", String(scale > 1));
  };

  // The point under the pointer stays under it.
  const zoom = (factor, clientX, clientY) => {
    if (!picture()) return;
    const box = stage.getBoundingClientRect();
    const fromX = (clientX ?? box.x + box.width / 2) - box.x - box.width / 2;
    const fromY = (clientY ?? box.y + box.height / 2) - box.y - box.height / 2;
    const next = Math.min(LARGEST, Math.max(1, scale * factor));
    x = fromX - ((fromX - x) * next) / scale;
    y = fromY - ((fromY - y) * next) / scale;
    scale = next;
    apply();
  };

  // By an eighth of what is seen.
  const pan = (right, down) => {
    if (!picture()) return;
    x -= (right * stage.clientWidth) / 8;
    y -= (down * stage.clientHeight) / 8;
    apply();
  };

  const toggle = (clientX, clientY) => {
    const image = picture();
    if (!image) return;
    const whole = image.naturalWidth / image.getBoundingClientRect().width;
    zoom(scale > 1 ? 0 : Math.max(2, whole), clientX, clientY);
  };

  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, far: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
  };

  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event.clientX, event.clientY);
    },
    { passive: false },
  );
  stage.addEventListener("dblclick", (event) => toggle(event.clientX, event.clientY));
  // With a key the link still opens the file; with the pointer it is there to be held.
  stage.addEventListener("click", (event) => {
    const isPlain = event.detail > 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (isPlain && event.target.closest("a.size")) event.preventDefault();
  });
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || !picture()) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = fingers.size === 1 ? { x: event.clientX, y: event.clientY } : null;
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const held = fingers.size === 2 ? spread() : null;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (held) {
      const now = spread();
      x += now.x - held.x;
      y += now.y - held.y;
      zoom(now.far / held.far, now.x, now.y);
    } else if (scale > 1) {
      x += event.clientX - before.x;
      y += event.clientY - before.y;
      apply();
    }
  });
  const lift = (event) => {
    if (!fingers.delete(event.pointerId) || !start || scale > 1) return;
    if (event.type === "pointercancel" || event.pointerType === "mouse") return;
    const far = { x: event.clientX - start.x, y: event.clientY - start.y };
    if (Math.max(Math.abs(far.x), Math.abs(far.y)) < SWIPE) return;
    if (Math.abs(far.x) > Math.abs(far.y)) onSwipe(far.x < 0 ? "left" : "right");
    else onSwipe(far.y < 0 ? "up" : "down");
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  button?.addEventListener("click", () => toggle());

  return {
    more: () => zoom(1.4),
    less: () => zoom(1 / 1.4),
    reset: () => zoom(0),
    pan,
  };
};
