// The dock: what made one number. Its window, the weights, the products, the sum as it grows, and steps through it.

import { h } from "hubel/view/dom";
import { functionOf } from "hubel/view/engine/activations";
import { shown } from "hubel/view/live/colours";
import { drawPlane, drawSum, planes, termAt } from "hubel/view/live/numbers";

const TICK = 90;
const TICKS_A_UNIT = 36;
const MOST_ROWS = 400;

/** Shows units; `events` are told of `moved(by)`, `followed(term)`, `stepped()` and `closed(hadFocus)`. */
export class UnitDock {
  constructor(tables, events) {
    this.tables = tables;
    this.events = events;
    this.step = 0;
    this.page = 0;
    this.title = h("h3");
    this.sentence = h("p", { class: "sentence" });
    this.progress = h("p", { class: "progress" });
    this.play = this.button("Play", () => this.toggle(), "play");
    this.product = this.button("Next product", () => this.advance(), "next-product");
    this.place = this.button("Next place", () => this.events.moved(1), "next-place");
    this.whole = this.button("Whole sum", () => this.finish(), "whole");
    this.grid = h("canvas", { "aria-hidden": "true" });
    this.grid.addEventListener("click", (event) => {
      const term = termAt(this.grid, event.offsetX, event.offsetY);
      if (term && term.source !== null) this.events.followed(term);
    });
    this.chart = h("canvas", { "aria-hidden": "true" });
    this.before = this.button("‹", () => this.turn(-1), "before", "channels before");
    this.after = this.button("›", () => this.turn(1), "after", "channels after");
    this.channels = h("span");
    this.pager = h("div", { class: "pager" }, this.before, this.channels, this.after);
    this.largest = h("ol", { class: "largest" });
    this.table = h("div", { class: "scroll" });
    this.listing = h("details", {}, h("summary", {}, "every term as a table"), this.table);
    this.listing.addEventListener("toggle", () => this.fillTable());
    this.element = h(
      "section",
      { class: "dock", hidden: true, tabindex: "-1", "aria-label": "what made the chosen number" },
      h(
        "header",
        {},
        this.title,
        this.button("×", () => this.close(), "close", "close"),
      ),
      this.sentence,
      h("div", { class: "steps-bar" }, this.play, this.product, this.place, this.whole, this.progress),
      h("div", { class: "pictures" }, h("div", {}, this.pager, this.grid), h("div", {}, this.chart, this.largest)),
      this.listing,
    );
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  button(text, onclick, name, label) {
    return h("button", { type: "button", class: name, onclick, "aria-label": label }, text);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  get isStepping() {
    return this.isOpen && (this.timer !== undefined || this.step < this.unit.terms.length);
  }

  /** The term that is being added, while stepping. */
  get term() {
    return this.isStepping && this.step ? this.unit.terms[this.step - 1] : null;
  }

  /** Show a unit; `limits` are the colours of its source. `keep` the step and page, where only its numbers changed. */
  show(unit, limits, keep = false) {
    const isSame = this.unit && this.unit.path === unit.path;
    this.unit = unit;
    this.limits = limits;
    this.planes = planes(unit);
    if (!keep) this.step = this.timer === undefined ? unit.terms.length : Math.min(1, unit.terms.length);
    if (!isSame) this.page = 0;
    this.element.hidden = false;
    this.draw();
    if (this.listing.open) this.fillTable();
  }

  close() {
    this.pause();
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = true;
    this.unit = null;
    this.events.closed(hadFocus);
  }

  toggle() {
    if (this.timer !== undefined) this.pause();
    else {
      if (this.step >= this.unit.terms.length) this.step = 0;
      this.timer = setInterval(() => this.tick(), TICK);
      this.play.textContent = "Pause";
      this.tick();
    }
  }

  pause() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.play.textContent = "Play";
  }

  tick() {
    const count = this.unit.terms.length;
    if (this.step >= count) {
      if (!this.events.moved(1)) this.pause();
      return;
    }
    this.goTo(Math.min(count, this.step + Math.max(1, Math.round(count / TICKS_A_UNIT))));
  }

  advance() {
    this.pause();
    this.goTo(this.step >= this.unit.terms.length ? Math.min(1, this.unit.terms.length) : this.step + 1);
  }

  finish() {
    this.pause();
    this.goTo(this.unit.terms.length);
  }

  goTo(step) {
    this.step = step;
    const index = this.planes.findIndex((plane) => plane.cells.some((cell) => cell.index === step - 1));
    if (index >= 0 && step < this.unit.terms.length) this.page = index;
    this.draw();
    this.events.stepped();
  }

  turn(by) {
    this.page = (this.page + by + this.planes.length) % this.planes.length;
    this.draw();
  }

  draw() {
    const { unit, step } = this;
    const [row, column, channel] = unit.at;
    const isVector = unit.shape.length === 1;
    this.title.replaceChildren(
      h("b", {}, unit.path),
      isVector ? ` number ${channel}` : ` map ${channel}, row ${row}, column ${column}`,
      ` = ${shown(unit.value, 4)}`,
    );
    this.sentence.textContent = explained(unit);
    const last = step ? unit.terms[step - 1] : null;
    const manyTerms = unit.terms.length > 1;
    this.progress.textContent = manyTerms ? told(unit, step, last) : "";
    for (const button of [this.play, this.product, this.whole]) button.hidden = !manyTerms;
    this.place.hidden = isVector && unit.shape[0] === 1;
    this.product.textContent = unit.rule === "sum" ? "Next product" : "Next term";
    this.place.textContent = isVector ? "Next number" : "Next place";
    this.drawPictures(manyTerms);
  }

  drawPictures(manyTerms) {
    const { unit, step } = this;
    const width = this.element.clientWidth - 28;
    const gridded = manyTerms && unit.terms[0].source !== undefined && isWindow(unit);
    const summed = manyTerms && ["sum", "mean", "radial", "softmax"].includes(unit.rule);
    const narrow = width < 560;
    this.grid.hidden = this.pager.hidden = !gridded;
    this.grid.classList.toggle("leads", gridded && unit.terms[0].source !== null);
    this.chart.hidden = !summed;
    this.largest.hidden = gridded || !summed;
    if (gridded) {
      this.page = Math.min(this.page, this.planes.length - 1);
      const plane = this.planes[this.page];
      const sum = plane.cells.reduce((total, cell) => total + cell.term.product, 0);
      const own = unit.rule === "sum" ? `, its products add up to ${shown(sum)}` : "";
      const which = this.planes.length > 1 ? ` (${this.page + 1} of ${this.planes.length})` : "";
      this.channels.textContent = `channel ${plane.channel}${which}${own}`;
      this.before.hidden = this.after.hidden = this.planes.length === 1;
      drawPlane(this.grid, plane, unit, this.tables, this.limits, step, narrow ? width : Math.min(width - 210, 640));
    }
    if (summed) drawSum(this.chart, unit, step, narrow ? width : gridded ? 190 : Math.min(420, width - 320));
    if (!this.largest.hidden) this.fillLargest();
  }

  // words that lead to the number that they speak of
  link(term, words) {
    if (term.source === null || term.padded) return words;
    return h(
      "button",
      { type: "button", class: "follow", title: "what made this number", onclick: () => this.events.followed(term) },
      words,
    );
  }

  fillLargest() {
    const { terms } = this.unit;
    const order = terms.map((_, i) => i).sort((a, b) => Math.abs(terms[b].product) - Math.abs(terms[a].product));
    const items = order.slice(0, 5).map((i) => h("li", {}, this.link(terms[i], written(this.unit, terms[i]))));
    this.largest.replaceChildren(h("li", { class: "note" }, `the largest of ${terms.length}:`), ...items);
  }

  fillTable() {
    if (!this.listing.open || !this.unit) return;
    const { terms, rule } = this.unit;
    const heads = ["from", "value", "weight", rule === "max" ? "largest so far" : "product", "sum so far"];
    if (rule === "max") heads.pop();
    const rows = terms.slice(0, MOST_ROWS).map((term) => {
      const from = `${term.source ?? "input"} ${placeText(term.from)}${term.padded ? ", padding" : ""}`;
      const cells = [this.link(term, from), shown(term.value, 4)];
      cells.push(term.weight === null ? "" : shown(term.weight, 4));
      if (rule !== "max") cells.push(shown(term.product, 4));
      cells.push(shown(term.sum, 4));
      return h(
        "tr",
        {},
        cells.map((cell, i) => h("td", i ? { class: "number" } : {}, cell)),
      );
    });
    const more = terms.length > MOST_ROWS ? `, the first ${MOST_ROWS} of ${terms.length}` : "";
    this.table.replaceChildren(
      h(
        "table",
        {},
        h("caption", {}, `terms of ${this.unit.path}${more}`),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map((name) => h("th", { scope: "col" }, name)),
          ),
        ),
        h("tbody", {}, rows),
      ),
    );
  }
}

function isWindow(unit) {
  return unit.terms.every((term) => term.tap) || ["max", "mean"].includes(unit.rule);
}

function placeText([row, column, channel]) {
  return `row ${row}, column ${column}, channel ${channel}`;
}

function written(unit, term) {
  if (unit.rule === "softmax") return `e^${shown(term.value)} of number ${term.from[2]}`;
  if (unit.rule === "radial")
    return `number ${term.from[2]}: −(${shown(term.value)} − ${shown(term.weight)})²/2 = ${shown(term.product)}`;
  const from = term.branch !== undefined ? (term.source ?? "input") : `number ${term.from[2]}`;
  return `${from}: ${shown(term.value)} × ${shown(term.weight)} = ${shown(term.product)}`;
}

function told(unit, step, last) {
  const count = unit.terms.length;
  if (!last) return `0 of ${count}`;
  if (unit.rule === "max") return `${step} of ${count}: largest so far ${shown(last.sum, 4)}`;
  if (step === count) return `all ${count}: ${shown(last.sum, 4)}`;
  const product =
    last.weight === null
      ? shown(last.product, 4)
      : `${shown(last.value)} × ${shown(last.weight)} = ${shown(last.product)}`;
  return `${step} of ${count}: ${product}, sum so far ${shown(last.sum, 4)}`;
}

/** One line of arithmetic that ends in the unit's value. */
export function explained(unit) {
  const { terms, rule, bias, before, value, activation } = unit;
  const count = terms.length;
  const total = count ? terms[count - 1].sum : 0;
  let text;
  if (rule === "max") text = `the largest of ${count} numbers: ${shown(before, 4)}`;
  else if (rule === "mean") text = `the mean of ${count} numbers: ${shown(before, 4)}`;
  else if (rule === "radial") text = `minus half of ${count} squared differences: ${shown(before, 4)}`;
  else if (rule === "softmax")
    text = `e to the power of ${shown(terms[unit.at[2]].value, 4)}, as a share of ${count} such: ${shown(value, 4)}`;
  else if (rule === "row") text = `row ${terms[0].value} of the table: ${shown(value, 4)}`;
  else if (rule === "recur") {
    const gates = unit.gates.map(([name, found]) => `${name} ${shown(found, 4)}`).join(", ");
    text = `${gates}; the state before ${shown(unit.stateBefore, 4)}, now ${shown(value, 4)}`;
  } else if (rule === "function") text = applied(unit.function, terms[0].value, value);
  else if (!count)
    text = bias === null ? "padding: nought" : `no number lands here, only the bias: ${shown(before, 4)}`;
  else if (count === 1) text = oneTerm(unit);
  else {
    const parts = `${count} products add up to ${shown(total, 4)}`;
    const branches = terms.every((term) => term.branch !== undefined);
    if (branches) text = `${terms.map((term) => shown(term.value, 4)).join(" + ")} = ${shown(before, 4)}`;
    else text = bias === null ? parts : `${parts}; with the bias ${shown(bias, 4)}: ${shown(before, 4)}`;
  }
  if (!activation) return `${text}.`;
  if (["softmax", "log_softmax"].includes(activation))
    return `${text}; ${activation} over all ${unit.shape.at(-1)}: ${shown(value, 4)}.`;
  return `${text}; ${applied(activation, before, value)}.`;
}

function applied(name, before, value) {
  const { formula } = functionOf(name);
  const said = formula.startsWith(name) ? "" : `, which is ${formula}`;
  return `${name}(${shown(before, 4)}) = ${shown(value, 4)}${said}`;
}

function oneTerm({ terms: [term], bias, before }) {
  const from = `${term.source ?? "input"} ${placeText(term.from)}`;
  if (term.weight === 1 && bias === null) return `passed on from ${from}: ${shown(before, 4)}`;
  const shift = bias === null ? "" : ` + ${shown(bias, 4)}`;
  return `${shown(term.value, 4)} × ${shown(term.weight, 4)}${shift} = ${shown(before, 4)}, from ${from}`;
}
