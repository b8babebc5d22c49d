// One layer of the running model: all its maps on one canvas, and the marks of what is looked at above them.

import { h } from "hubel/view/dom";
import { functionOf } from "hubel/view/engine/activations";
import { css, shapeText, themed } from "hubel/view/live/colours";

const GAP = 6;
const FIELD = "receptive field: the part of the input that one number depends on, padding included";
const EDGE = 1; // pixel around a map, so that white ones end somewhere
const MOST_MAPS = 64;

/** Whether a layer's numbers are never below zero, whatever the input. */
export function isPositive(step, known) {
  const last = functionAt(step.node);
  if (last) return last.low >= 0;
  return Boolean(step.operation.keepsSign) && step.sources.every(({ path }) => path !== null && known.get(path));
}

function functionAt(node) {
  const name = node && (node.activation || node.operation.function);
  return name ? functionOf(name) : null;
}

/** The canvas of a layer (or of the input, where `step.path` is null). */
export class LayerView {
  constructor(step, tables, positive, events) {
    const { node } = step;
    this.step = step;
    this.events = events;
    [this.rows, this.columns, this.channels] = step.shape;
    this.isInput = step.path === null;
    this.vector = this.rows === 1 && this.columns === 1;
    this.maps = this.isInput ? 1 : this.channels;
    this.limited = !this.vector && this.maps > MOST_MAPS;
    this.positive = positive;
    this.table = positive ? tables.magnitude : tables.signed;
    const last = functionAt(node);
    this.bound = last && Number.isFinite(last.low) && Number.isFinite(last.high) ? last.high : undefined;
    this.isVisible = true;
    this.strip = document.createElement("canvas");
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.marks = h("canvas", { class: "marks", "aria-hidden": "true" });
    this.holder = h("div", { class: "live-maps", tabindex: "0", role: "application", "aria-roledescription": "layer" });
    this.holder.setAttribute("aria-label", this.label());
    this.holder.append(this.canvas, this.marks);
    this.legend = h("span", { class: "legend" });
    this.element = h(
      "section",
      { class: "layer-view", "data-path": step.path ?? "input" },
      this.heading(),
      this.holder,
    );
    if (this.limited) this.element.append(this.moreButton());
    this.listen();
  }

  get name() {
    return this.isInput ? "input" : this.step.path;
  }

  get shownMaps() {
    return this.limited ? MOST_MAPS : this.maps;
  }

  label() {
    const what = this.vector ? `${this.channels} numbers` : `${this.maps} maps of ${this.rows}×${this.columns}`;
    const how = this.vector ? "Arrow keys move" : "Arrow keys move, Page Up and Page Down change the map";
    return this.isInput ? "the input, as the network sees it. Arrow keys move" : `${this.step.path}, ${what}. ${how}`;
  }

  /** Call it so in its heading, within a block that says the rest. */
  shorten(name) {
    const title = this.element.querySelector("h3");
    title.textContent = name;
    title.title = this.step.path;
  }

  heading() {
    const { node } = this.step;
    const facts = [shapeText(this.isInput ? this.step.shape : node.output)];
    if (!this.isInput) {
      const { counted } = node;
      if (counted) facts.push(h("span", { title: counted.names }, `${counted.text} parameters`));
      const field = `sees ${widest(node.field.rows)}×${widest(node.field.columns)}`;
      if (!this.vector) facts.push(h("abbr", { title: FIELD }, field));
    }
    const text = this.isInput
      ? "as the network sees it"
      : node.text || { sum: "branches added", concat: "side by side", product: "branches multiplied" }[node.kind];
    return h(
      "header",
      {},
      h("h3", {}, this.name),
      h("code", {}, text),
      h(
        "span",
        { class: "facts" },
        facts.flatMap((fact, i) => (i ? [" · ", fact] : [fact])),
      ),
      this.legend,
    );
  }

  moreButton() {
    const button = h("button", { type: "button" }, `show all ${this.maps} maps`);
    button.addEventListener("click", () => {
      this.limited = false;
      button.remove();
      this.layout(this.width);
      this.events.redraw(this);
    });
    return button;
  }

  /** Place the maps in a width of CSS pixels. */
  layout(width) {
    this.width = width;
    this.zoom = this.vector ? vectorCell(this.channels) : zoomOf(this.rows, this.columns, this.shownMaps, width);
    this.gap = this.vector ? 2 : GAP;
    const [wide, tall] = [this.columns * this.zoom, this.rows * this.zoom];
    this.across = Math.max(1, Math.min(this.shownMaps, Math.floor((width - 2 * EDGE + this.gap) / (wide + this.gap))));
    const down = Math.ceil(this.shownMaps / this.across);
    this.size = [this.across * (wide + this.gap) - this.gap, down * (tall + this.gap) - this.gap].map(
      (length) => length + 2 * EDGE,
    );
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    for (const canvas of [this.canvas, this.marks]) {
      canvas.width = Math.round(this.size[0] * this.ratio);
      canvas.height = Math.round(this.size[1] * this.ratio);
      canvas.style.width = `${this.size[0]}px`;
      canvas.style.height = `${this.size[1]}px`;
    }
    this.strip.width = this.columns;
    this.strip.height = this.rows * this.shownMaps;
    this.image = new ImageData(this.strip.width, this.strip.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  /** Where a map lies, in CSS pixels: [left, top]. */
  corner(channel) {
    const [wide, tall] = [this.columns * this.zoom + this.gap, this.rows * this.zoom + this.gap];
    return [EDGE + (channel % this.across) * wide, EDGE + Math.floor(channel / this.across) * tall];
  }

  /** Where a number lies in the window, with its `whole` map if that is not tall: {top, bottom} in CSS pixels. */
  boxOf([row, , channel], whole) {
    const top = this.canvas.getBoundingClientRect().top + this.corner(this.isInput ? 0 : channel)[1];
    const tall = this.rows * this.zoom;
    if (whole && tall < innerHeight / 3) return { top, bottom: top + tall };
    return { top: top + row * this.zoom, bottom: top + (row + 1) * this.zoom };
  }

  /** Draw the layer's numbers as they are now (`picture`: the input's grey levels or colours). */
  draw(picture = null) {
    if (picture) this.fillPicture(picture);
    else this.fillNumbers(this.step.data);
    this.strip.getContext("2d").putImageData(this.image, 0, 0);
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.imageSmoothingEnabled = this.zoom < 1;
    const [wide, tall] = [this.columns * this.zoom, this.rows * this.zoom];
    [context.strokeStyle] = themed(this.holder, "--line");
    context.clearRect(0, 0, ...this.size);
    for (let map = 0; map < this.shownMaps; map++) {
      const [left, top] = this.corner(map);
      context.strokeRect(left - EDGE / 2, top - EDGE / 2, wide + EDGE, tall + EDGE);
      context.drawImage(this.strip, 0, map * this.rows, this.columns, this.rows, left, top, wide, tall);
    }
  }

  fillPicture(picture) {
    const depth = picture.length / (this.rows * this.columns);
    for (let i = 0; i < this.pixels.length; i++) {
      const [r, g, b] = depth === 3 ? picture.subarray(3 * i, 3 * i + 3) : [picture[i], picture[i], picture[i]];
      this.pixels[i] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
    }
  }

  fillNumbers(data) {
    const [low, high] = this.limits(data);
    const [places, channels, table] = [this.rows * this.columns, this.channels, this.table];
    const last = table.length - 1;
    const factor = high > low ? last / (high - low) : 0;
    const none = high > low ? 0 : this.positive ? 0 : last / 2;
    for (let map = 0, to = 0; map < this.shownMaps; map++) {
      for (let i = map, place = 0; place < places; place++, i += channels, to++) {
        const index = (data[i] - low) * factor + none + 0.5;
        this.pixels[to] = table[index < 0 ? 0 : index > last ? last : index | 0];
      }
    }
    this.tellLimits(low, high);
  }

  limits(data) {
    let most = this.bound || 0;
    if (!this.bound) {
      for (let i = 0; i < data.length; i++) {
        const size = data[i] < 0 ? -data[i] : data[i];
        if (size > most && size < Infinity) most = size;
      }
    }
    this.range = this.positive ? [0, most] : [-most, most];
    return this.range;
  }

  tellLimits(low, high) {
    if (this.told && Math.abs(this.told - high) <= 0.02 * high) return;
    this.told = high;
    if (!this.legend.firstChild) {
      const colours = Array.from(
        { length: 9 },
        (_, i) => css(this.table[Math.round((i / 8) * (this.table.length - 1))]).fill,
      );
      const bar = h("i", { style: `background: linear-gradient(to right, ${colours.join(", ")})` });
      this.legend.append(h("span"), bar, h("span"));
    }
    this.legend.firstChild.textContent = limitText(low);
    this.legend.lastChild.textContent = limitText(high);
  }

  /** Mark a region ({rows, columns, channels}); or the unit itself, and `veil` what comes after it; and one `point`. */
  mark(region, { unit = null, veil = false, point = null } = {}) {
    const context = this.marks.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, ...this.size);
    if (veil && unit) this.cover(context, unit);
    if (region && !unit) this.markRegion(context, region);
    if (unit) {
      const map = this.isInput ? 0 : unit[2];
      this.box(context, map, [unit[0], unit[0]], [unit[1], unit[1]], 2);
    }
    if (point) this.box(context, this.isInput ? 0 : point[2], [point[0], point[0]], [point[1], point[1]], 3);
  }

  markRegion(context, { rows, columns, channels }) {
    const [first, end] = this.isInput ? [0, 1] : [channels[0], Math.min(channels[1] + 1, this.shownMaps)];
    if (this.vector && first === 0 && end === this.channels) {
      this.stroke(context, 1, 1, this.size[0] - 2, this.size[1] - 2, 2);
      return;
    }
    for (let map = first; map < end; map++) this.box(context, map, rows, columns, 2);
  }

  box(context, map, [top, bottom], [left, right], width) {
    if (map >= this.shownMaps) return;
    const [x, y] = this.corner(map);
    const z = this.zoom;
    this.stroke(context, x + left * z, y + top * z, (right - left + 1) * z, (bottom - top + 1) * z, width);
  }

  stroke(context, x, y, wide, tall, width) {
    context.lineWidth = width + 2;
    context.strokeStyle = "rgb(0 0 0 / 0.75)";
    context.strokeRect(x, y, wide, tall);
    context.lineWidth = width;
    context.strokeStyle = "#ffb000";
    context.strokeRect(x, y, wide, tall);
  }

  // what comes after a place in its map, in reading order
  cover(context, [row, column, channel]) {
    const [x, y] = this.corner(channel);
    const z = this.zoom;
    [context.fillStyle] = themed(this.holder, "--page");
    context.globalAlpha = 0.85;
    context.fillRect(x + (column + 1) * z, y + row * z, (this.columns - column - 1) * z, z);
    context.fillRect(x, y + (row + 1) * z, this.columns * z, (this.rows - row - 1) * z);
    context.globalAlpha = 1;
  }

  listen() {
    const { holder, events } = this;
    holder.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.pointed(event, events.hover);
    });
    holder.addEventListener("pointerleave", () => events.leave());
    holder.addEventListener("click", (event) => this.pointed(event, events.choose));
    holder.addEventListener("focus", () => {
      if (holder.matches(":focus-visible")) events.focus(this);
    });
    holder.addEventListener("keydown", (event) => {
      const moved = this.moved(event.key);
      if (moved) event.preventDefault();
      if (moved) events.move(this, moved);
      else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        events.enter(this);
      }
    });
  }

  pointed(event, then) {
    const box = this.canvas.getBoundingClientRect();
    const at = this.at(event.clientX - box.left, event.clientY - box.top);
    if (at) then(this, at);
  }

  /** The place under a point of the canvas: [row, column, channel], or null between maps. */
  at(x, y) {
    const [wide, tall] = [this.columns * this.zoom + this.gap, this.rows * this.zoom + this.gap];
    x -= EDGE;
    y -= EDGE;
    const map = Math.floor(y / tall) * this.across + Math.floor(x / wide);
    const [row, column] = [Math.floor((y % tall) / this.zoom), Math.floor((x % wide) / this.zoom)];
    const inside =
      x >= 0 && y >= 0 && x < this.size[0] && map < this.shownMaps && row < this.rows && column < this.columns;
    return inside ? [row, column, map] : null;
  }

  /** How a key moves: [rows, columns, maps]. */
  moved(key) {
    if (this.vector) {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across };
      return key in steps ? [0, 0, steps[key]] : null;
    }
    const steps = { ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0] };
    return { ...steps, PageUp: [0, 0, -1], PageDown: [0, 0, 1] }[key] || null;
  }
}

function widest({ firsts, lasts }) {
  return Math.max(...firsts.map((first, i) => lasts[i] - first + 1));
}

function limitText(value) {
  return String(Number(value.toPrecision(2))).replace("-", "−");
}

function vectorCell(length) {
  return length <= 24 ? 22 : length <= 200 ? 12 : 8;
}

// whole CSS pixels a number, where a number is not less than one: small maps larger, many maps smaller
function zoomOf(rows, columns, maps, width) {
  const side = Math.max(rows, columns);
  if (side > 96) return Math.min(112 / side, (width - 2 * EDGE) / columns);
  let zoom = side >= 24 ? Math.floor(96 / side) : side >= 8 ? 4 : side >= 4 ? 6 : 10;
  const lines = () => Math.ceil(maps / Math.max(1, Math.floor((width - 2 * EDGE + GAP) / (columns * zoom + GAP))));
  while (lines() > 2 && (zoom - 1) * side >= 30) zoom -= 1;
  return Math.min(zoom, (width - 2 * EDGE) / columns);
}
