// The panel as a sheet: as tall as a reader drags it, and never over what it explains.

import { h } from "hubel/view/dom";

const LEAST = 120; // pixels of the panel
const STEP = 40; // that a key moves its edge
const CLEAR = 10; // between what is explained and the panel

/** The edge by which the panel is dragged, with a pointer or the arrow keys; `resized()` is told. */
export function handle(panel, resized) {
  const grip = h("div", {
    class: "handle",
    tabindex: "0",
    role: "separator",
    "aria-orientation": "horizontal",
    "aria-label": "height of the panel",
    "aria-valuemin": LEAST,
    "aria-valuenow": 300,
  });
  const resize = (tall) => {
    const most = Math.max(LEAST, innerHeight - 150);
    const next = Math.round(Math.min(most, Math.max(LEAST, tall)));
    grip.setAttribute("aria-valuenow", next);
    grip.setAttribute("aria-valuemax", most);
    panel.dataset.dragged = "yes";
    panel.style.setProperty("--tall", `${next}px`);
    resized();
  };
  let from = null;
  grip.addEventListener("pointerdown", (event) => {
    from = { y: event.clientY, tall: panel.offsetHeight };
    grip.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  grip.addEventListener("pointermove", (event) => from && resize(from.tall + from.y - event.clientY));
  for (const name of ["pointerup", "pointercancel"]) grip.addEventListener(name, () => (from = null));
  grip.addEventListener("keydown", (event) => {
    const step = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
    if (!step) return;
    event.preventDefault();
    resize(panel.offsetHeight + step);
  });
  return grip;
}

/** How much of the window's top is under what stays there. */
export function barred() {
  const stays = [...document.querySelectorAll("nav, .strip")].filter((one) => getComputedStyle(one).position === "sticky");
  return stays.reduce((total, one) => total + one.offsetHeight, 0);
}

/** Keep the panel off a box of the page: scroll the box free where it was `chosen`, else make the panel lower; false
 * where there is no room for it then, as the page does not move under a pointer. */
export function reveal(panel, box, chosen) {
  panel.style.removeProperty("max-height");
  if (panel.hidden) return true;
  const over = box.bottom + CLEAR - panel.getBoundingClientRect().top;
  if (chosen) {
    const bar = barred();
    if (over > 0) scrollBy(0, over);
    else if (box.top < bar + CLEAR) scrollBy(0, box.top - innerHeight * 0.4);
  } else if (over > 0) {
    const room = panel.offsetHeight - over;
    if (room < LEAST) return false;
    panel.style.maxHeight = `${room}px`;
  }
  return true;
}
