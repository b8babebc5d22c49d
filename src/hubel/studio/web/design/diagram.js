// The drawing: to be moved, enlarged and searched; layers in it are chosen, parts opened and closed, changes flash.

import { drawn, h } from "hubel/view/dom";

const STEP = 1.25;
const LEAST = 0.15;
const MOST = 4;
const DRAG = 4; // pixels from which a press is no click
const LAYER = ".layer[data-rows], .layer[data-part]";

/** Make a drawing another one, part by part: those that are equal stay as they are. */
function patched(svg, made) {
  for (const { name, value } of made.attributes) if (svg.getAttribute(name) !== value) svg.setAttribute(name, value);
  const [old, now] = [[...svg.childNodes], [...made.childNodes]];
  now.forEach((each, at) => {
    if (!old[at]) svg.append(each);
    else if (!old[at].isEqualNode(each)) old[at].replaceWith(each);
  });
  for (const each of old.slice(now.length)) each.remove();
}

/** A drawing of a network. on: {choose(rows), part(path), inside(path)}, the last one for a layer that is looked for and
 * lies in a closed part; without, it is only looked at. */
export class Diagram {
  constructor(label, on = {}) {
    this.on = on;
    this.zoom = 0; // 0: as wide as there is room
    this.rows = [];
    this.layers = []; // of the drawing, which can be chosen
    this.place = h("div", { class: "canvas", tabindex: 0, role: "group", "aria-label": `${label}: arrows move it, + and - enlarge it, 0 fits it in` });
    this.find = h("input", { type: "search", placeholder: "find a layer", "aria-label": "find a layer", size: 12 });
    this.told = h("span", { class: "note", role: "status" });
    const button = (words, name, act) => h("button", { type: "button", "aria-label": name, title: name, onclick: act }, words);
    this.tools = h("div", { class: "tools" },
      button("−", "smaller", () => this.scale(1 / STEP)), button("+", "larger", () => this.scale(STEP)),
      button("fit", "fit it in", () => this.scale(0)), this.find, this.told);
    this.element = h("div", { class: "diagram" }, this.tools, this.place);
    this.find.addEventListener("input", () => this.search(0));
    this.find.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.search(event.shiftKey ? -1 : 1);
    });
    this.place.addEventListener("keydown", (event) => this.key(event));
    this.place.addEventListener("click", (event) => this.click(event.target));
    this.place.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.scale(Math.exp(-event.deltaY / 300), event);
    }, { passive: false });
    this.drag();
  }

  /** How wide a drawing may be to be seen whole. */
  get width() {
    return Math.max(320, Math.round(this.place.clientWidth || 900));
  }

  /** Show a drawing of these rows; of the one before, what is the same stays. */
  show(markup, rows) {
    const { width } = this; // before anything is changed, so that it is laid out once
    this.rows = rows;
    if (markup !== this.markup) this.draw(markup);
    this.sized(width);
  }

  draw(markup) {
    const at = this.layers.indexOf(document.activeElement);
    const made = drawn(markup);
    made.classList.replace("hubel-auto", `hubel-${document.documentElement.dataset.theme}`);
    for (const layer of made.querySelectorAll(LAYER)) layer.setAttribute("tabindex", -1);
    this.markup = markup;
    this.natural = Number(made.getAttribute("width"));
    if (this.svg) patched(this.svg, made);
    else this.place.replaceChildren((this.svg = made));
    this.layers = [...this.svg.querySelectorAll(LAYER)];
    const here = this.layers[Math.min(Math.max(at, 0), this.layers.length - 1)];
    here?.setAttribute("tabindex", 0);
    if (at >= 0) here?.focus({ preventScroll: true });
  }

  sized(width = this.width) {
    const fit = Math.min(1, width / this.natural);
    this.svg.style.width = `${Math.round(this.natural * (this.zoom || fit))}px`;
    this.svg.style.height = "auto";
  }

  /** Enlarge by a factor around a point, or fit it in (0). */
  scale(factor, point = null) {
    if (!this.svg) return;
    const before = this.svg.getBoundingClientRect();
    const own = this.place.getBoundingClientRect();
    const x = point ? point.clientX : own.left + own.width / 2;
    const y = point ? point.clientY : own.top + own.height / 2;
    const now = before.width / this.natural;
    this.zoom = factor ? Math.min(MOST, Math.max(LEAST, now * factor)) : 0;
    this.sized();
    const after = this.svg.getBoundingClientRect();
    const grown = after.width / before.width;
    this.place.scrollLeft += (x - before.left) * grown - (x - after.left);
    this.place.scrollTop += (y - before.top) * grown - (y - after.top);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const layers = this.layers;
    const at = layers.indexOf(event.target);
    const go = (way) => {
      const next = layers[Math.min(layers.length - 1, Math.max(0, at + way))];
      layers.forEach((layer) => layer.setAttribute("tabindex", layer === next ? 0 : -1));
      next.focus();
    };
    const zoom = { "+": STEP, "=": STEP, "-": 1 / STEP, 0: 0 }[event.key];
    if (zoom !== undefined) this.scale(zoom);
    else if (at < 0) return;
    else if (event.key === "ArrowDown" || event.key === "ArrowRight") go(1);
    else if (event.key === "ArrowUp" || event.key === "ArrowLeft") go(-1);
    else if (event.key === "Enter" || event.key === " ") this.click(event.target);
    else return;
    event.preventDefault();
  }

  click(target) {
    if (this.dragged) return;
    const layer = target.closest?.(".layer[data-rows], .layer[data-part]");
    if (!layer) return;
    if (layer.dataset.part) this.on.part?.(layer.dataset.part);
    else this.on.choose?.(layer.dataset.rows.split(" ").map(Number));
  }

  /** Mark the layers of these rows as chosen, and show them where they are out of sight. */
  choose(rows, reveal = true) {
    let first = null;
    for (const layer of this.layers) {
      const own = (layer.dataset.rows ?? "").split(" ").filter(Boolean).map(Number);
      const chosen = own.some((row) => rows.includes(row));
      layer.classList.toggle("chosen", chosen);
      if (chosen) first ??= layer;
    }
    if (first && reveal) this.reveal(first);
  }

  /** The first layer that is marked as chosen. */
  get chosen() {
    return this.layers.find((layer) => layer.classList.contains("chosen"));
  }

  reveal(layer) {
    const own = this.place.getBoundingClientRect();
    const box = layer.getBoundingClientRect();
    if (box.top < own.top || box.bottom > own.bottom) this.place.scrollTop += box.top - own.top - own.height / 3;
    if (box.left < own.left || box.right > own.right) this.place.scrollLeft += box.left - own.left - own.width / 3;
  }

  /** Let the layers of these rows flash, each with what changed: a map from row to words. */
  flash(changes) {
    const changed = [];
    for (const layer of this.layers) {
      const words = (layer.dataset.rows ?? "").split(" ").filter(Boolean).map((row) => changes.get(Number(row))).find(Boolean);
      if (words) changed.push([layer, words, words === true ? null : layer.querySelector(".box")?.getBBox()]);
    }
    for (const [layer, words, box] of changed) { // all are asked before any is changed
      layer.classList.add("changed");
      if (!box) continue;
      const told = document.createElementNS("http://www.w3.org/2000/svg", "text");
      told.textContent = words;
      told.setAttribute("class", "difference");
      told.setAttribute("x", box.x + box.width / 2);
      told.setAttribute("y", box.y - 3);
      told.setAttribute("text-anchor", "middle");
      told.setAttribute("aria-hidden", "true");
      layer.append(told);
    }
  }

  /** Go to the layer that holds the words in the field, the next one (1) or the one before (-1). */
  search(way) {
    const wanted = this.find.value.trim().toLowerCase();
    const found = wanted ? this.layers.filter((layer) => this.names(layer).includes(wanted)) : [];
    this.layers.forEach((layer) => layer.classList.toggle("found", found.includes(layer)));
    this.at = found.length ? ((way === 0 ? 0 : (this.at ?? 0) + way) + found.length) % found.length : 0;
    this.told.textContent = !wanted ? "" : found.length ? `${this.at + 1} of ${found.length}` : "none";
    if (!found.length) {
      const inside = wanted && this.on.inside ? this.rows.filter((row) => `${row.path} ${row.words}`.toLowerCase().includes(wanted)) : [];
      if (inside.length) this.told.textContent = `${inside.length} in closed blocks: Enter opens them`;
      if (inside.length && way !== 0) this.on.inside(inside[0].path);
      return;
    }
    this.reveal(found[this.at]);
    if (way !== 0 && found[this.at].dataset.rows) this.on.choose?.(found[this.at].dataset.rows.split(" ").map(Number));
  }

  names(layer) {
    const own = (layer.dataset.rows ?? "").split(" ").map((row) => this.rows[row]).filter(Boolean);
    return [layer.querySelector("title")?.textContent ?? "", layer.dataset.part ?? "", ...own.map((row) => `${row.path} ${row.words}`)]
      .join(" ").toLowerCase();
  }

  /** Move the drawing by dragging it with a mouse, and enlarge it with two fingers. */
  drag() {
    const down = new Map();
    let from = null;
    let apart = 0;
    this.place.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, event);
      this.dragged = false;
      if (event.pointerType === "mouse" && event.button === 0) {
        from = { x: event.clientX, y: event.clientY, left: this.place.scrollLeft, top: this.place.scrollTop };
      }
      apart = 0;
    });
    addEventListener("pointermove", (event) => {
      if (down.has(event.pointerId)) down.set(event.pointerId, event);
      if (down.size === 2) {
        const [a, b] = [...down.values()];
        const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
        if (apart) this.scale(now / apart, { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
        apart = now;
      } else if (from) {
        if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > DRAG) this.dragged = true;
        if (!this.dragged) return;
        this.place.classList.add("dragging");
        this.place.scrollTo(from.left - event.clientX + from.x, from.top - event.clientY + from.y);
      }
    });
    const up = (event) => {
      down.delete(event.pointerId);
      from = null;
      apart = 0;
      this.place.classList.remove("dragging");
      setTimeout(() => { this.dragged = false; });
    };
    addEventListener("pointerup", up);
    addEventListener("pointercancel", up);
  }
}
