// The dock: what made one number. Its window, the weights, the products, the sum as it grows, and steps through it.

import { broken, h } from "hubel/view/dom";
import { functionOf } from "hubel/view/engine/activations";
import { shown } from "hubel/view/numbers";
import { branchMaps, frame, softmaxTable } from "hubel/view/live/join";
import { drawPlane, drawSum, planes, termAt } from "hubel/view/live/numbers";
import { Player } from "hubel/view/live/player";
import { handle } from "hubel/view/live/sheet";

const TICKS_A_UNIT = 36;
const MOST_ROWS = 400;

/** Shows units; `events` are told of `moved(by)`, `followed(term)`, `stepped()`, `resized()` and `closed(hadFocus)`. */
export class UnitDock {
  constructor(tables, events) {
    this.tables = tables;
    this.events = events;
    this.step = 0;
    this.page = 0;
    this.title = h("h3");
    this.sentence = h("p", { class: "sentence" });
    this.progress = h("p", { class: "progress" });
    this.player = new Player((byPlace) => this.tick(byPlace));
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
    this.branches = h("div", { class: "branches" });
    this.softmax = h("div", { class: "softmax-holder" });
    this.framed = h("canvas", { class: "framed", role: "img", "aria-label": "the input, what the number sees framed" });
    this.table = h("div", { class: "scroll" });
    this.steps = h("div", { class: "steps-bar" }, this.player.element, this.product, this.place, this.whole, this.progress);
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
      (this.inside = h(
        "div",
        { class: "inside" },
        h("div", { class: "said" }, this.framed, this.sentence, this.steps),
        h(
          "div",
          { class: "pictures" },
          this.softmax,
          this.branches,
          h("div", {}, this.pager, this.grid),
          h("div", { class: "sums" }, this.chart, this.largest),
        ),
        this.listing,
      )),
    );
    this.element.prepend(handle(this.element, () => this.events.resized()));
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  button(text, onclick, name, label) {
    return h("button", { type: "button", class: name, onclick, "aria-label": label }, text);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  get isStepping() {
    return this.isOpen && (this.player.isRunning || this.step < this.unit.terms.length);
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
    const isWhole = !this.player.isRunning || this.player.byPlace;
    if (!keep) this.step = isWhole ? unit.terms.length : Math.min(1, unit.terms.length);
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

  pause() {
    this.player.pause();
  }

  tick(byPlace) {
    const count = this.unit.terms.length;
    if (byPlace || this.step >= count) {
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
    const isVector = unit.shape.length === 1;
    this.title.replaceChildren(
      h("b", {}, unit.path), ` ${unitText(unit)} = ${(unit.values ?? [unit.value]).map((value) => shown(value, 4)).join(", ")}`,
    );
    this.sentence.textContent = explained(unit);
    const last = step ? unit.terms[step - 1] : null;
    // a softmax is told by its table
    const manyTerms = unit.terms.length > 1 && unit.rule !== "softmax";
    this.progress.textContent = manyTerms ? told(unit, step, last) : "";
    for (const button of [this.product, this.whole]) button.hidden = !manyTerms;
    this.place.hidden = this.player.element.hidden = isVector && unit.shape[0] === 1;
    this.product.textContent = `Next ${termWord(unit)}`;
    this.place.textContent = isVector ? `Next ${unitText(unit).split(" ", 1)}` : "Next place";
    this.listing.hidden = !unit.terms.length || unit.rule === "softmax";
    this.drawPictures(manyTerms);
  }

  drawPictures(manyTerms) {
    const { unit, step } = this;
    const width = this.element.clientWidth - 28;
    const gridded = manyTerms && unit.terms[0].source !== undefined && isWindow(unit);
    const summed = manyTerms && !unit.branches.length && ["sum", "mean", "radial"].includes(unit.rule);
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
    if (summed) drawSum(this.chart, unit, step, narrow ? width : gridded ? 190 : Math.min(unit.rivals ? 340 : 420, width - 320));
    if (!this.largest.hidden) this.fillLargest();
    this.drawFramed();
    this.fillJoined();
  }

  // the whole input, small, and what of it this number sees
  drawFramed() {
    const { input, windows } = this.unit;
    const seen = windows.get(null);
    const zoom = 128 / Math.max(input.rows, input.columns);
    this.framed.hidden = !seen;
    this.framed.width = input.columns * zoom;
    this.framed.height = input.rows * zoom;
    if (!seen) return;
    const context = this.framed.getContext("2d");
    context.imageSmoothingEnabled = zoom < 1;
    context.drawImage(input.strip, 0, 0, this.framed.width, this.framed.height);
    const [[top, bottom], [left, right]] = [seen.rows, seen.columns];
    frame(context, [left, top, right - left + 1, bottom - top + 1].map((length) => zoom * length));
  }

  fillJoined() {
    const { unit } = this;
    const { step, branches, at, called, rivals } = unit;
    const named = (one) => this.link({ source: one.path, from: branches.find((b) => b.step === one)?.at }, broken(unit.nameOf(one)));
    const maps = branches.length ? branchMaps(step, branches, at, this.tables.signed, named) : [];
    this.branches.replaceChildren(...maps);
    const name = (channel) => {
      const words = called(unit.path, [at[0], at[1], channel]);
      return unit.rule === "softmax" ? this.link(unit.terms[channel], words) : words;
    };
    this.softmax.replaceChildren(...(rivals ? [softmaxTable(rivals, at[2], name)] : []));
  }

  // words that lead to the number that they speak of
  link(term, words) {
    if (term.source === null || term.padded || !term.from) return words;
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
      const from = `${placeText(this.unit, term)}${term.padded ? ", padding" : ""}`;
      const cells = [this.link(term, broken(from)), shown(term.value, 4)];
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

/** Which number a unit is: of a vector its number or class, else its map and place. */
export function unitText({ path, at, shape, called, rule }) {
  const [row, column, channel] = at;
  if (rule === "pixel") return `row ${row}, column ${column}`;
  return shape.length === 1 ? called(path, at) : `map ${channel}, row ${row}, column ${column}`;
}

// what a sum, a product or a largest of several is made of, one at a time
function termWord({ rule, branches }) {
  if (branches.length) return "summand";
  return { sum: "product", max: "number", mean: "number" }[rule] ?? "term";
}

function placeText({ called }, term) {
  return `${term.source ?? "input"} ${called(term.source, term.from)}`;
}

function written(unit, term) {
  const number = unit.called(term.source, term.from);
  if (unit.rule === "radial")
    return `${number}: −(${shown(term.value)} − ${shown(term.weight)})²/2 = ${shown(term.product)}`;
  if (unit.branches.length) return `${term.source ?? "input"}: ${shown(term.value)}`;
  return `${number}: ${shown(term.value)} × ${shown(term.weight)} = ${shown(term.product)}`;
}

function told(unit, step, last) {
  const count = unit.terms.length;
  if (!last) return `0 of ${count}`;
  if (unit.rule === "max") return `${step} of ${count}: largest so far ${shown(last.sum, 4)}`;
  if (step === count) return `all ${count}: ${shown(last.sum, 4)}`;
  const product =
    last.weight === null || unit.branches.length
      ? shown(last.product, 4)
      : `${shown(last.value)} × ${shown(last.weight)} = ${shown(last.product)}`;
  return `${step} of ${count}: ${product}, sum so far ${shown(last.sum, 4)}`;
}

/** Arithmetic that ends in the unit's value, and what the input's numbers mean where it is made of them. */
export function explained(unit) {
  if (unit.said) return unit.said;
  const isOfInput = unit.terms.some((term) => term.source === null);
  return isOfInput && unit.scale ? `${arithmetic(unit)} ${unit.scale}` : arithmetic(unit);
}

function arithmetic(unit) {
  const { terms, rule, bias, before, value, activation } = unit;
  const count = terms.length;
  const total = count ? terms[count - 1].sum : 0;
  let text;
  if (rule === "max") text = `the largest of ${count} numbers: ${shown(before, 4)}`;
  else if (rule === "mean") text = `the mean of ${count} numbers: ${shown(before, 4)}`;
  else if (rule === "radial") text = `minus half of ${count} squared differences: ${shown(before, 4)}`;
  else if (rule === "softmax")
    text = `e^${shown(terms[unit.at[2]].value, 4)} as a share of ${count} such: ${shown(value, 4)}`;
  else if (rule === "row") text = `row ${terms[0].value} of the table: ${shown(value, 4)}`;
  else if (rule === "recur") {
    const gates = unit.gates.map(([name, found]) => `${name} ${shown(found, 4)}`).join(", ");
    text = `${gates}; the state before ${shown(unit.stateBefore, 4)}, now ${shown(value, 4)}`;
  } else if (rule === "write") {
    const after = unit.said.length ? ` after the words of numbers ${unit.said.join(", ")}` : "";
    text = `unit ${unit.wordUnit} of ${unit.units} weighs most, ${shown(unit.wordState, 4)}${after}; all units and the bias: ${shown(before, 4)}`;
  } else if (rule === "function") text = applied(unit.function, terms[0].value, value);
  else if (!count)
    text = bias === null ? "padding: zero" : `no number lands here, only the bias: ${shown(before, 4)}`;
  else if (unit.factors) text = `${unit.factors.map((one) => shown(one, 4)).join(" × ")} = ${shown(before, 4)}`;
  else if (count === 1) text = oneTerm(unit);
  else {
    const parts = `${count} products add up to ${shown(total, 4)}`;
    if (unit.branches.length) text = `${added(terms)} = ${shown(before, 4)}`;
    else text = bias === null ? parts : `${parts}; with the bias ${shown(bias, 4)}: ${shown(before, 4)}`;
  }
  if (!activation) return `${text}.`;
  if (["softmax", "log_softmax"].includes(activation))
    return `${text}; e^${shown(before, 4)} as a share of ${unit.shape.at(-1)} such${activation === "softmax" ? "" : ", its logarithm"}: ${shown(value, 4)}.`;
  return `${text}; ${applied(activation, before, value)}.`;
}

function added(terms) {
  return terms.map((term) => shown(term.value, 4)).join(" + ").replaceAll("+ −", "− ");
}

function applied(name, before, value) {
  const { formula } = functionOf(name);
  const said = formula.startsWith(name) ? "" : `, which is ${formula}`;
  return `${name}(${shown(before, 4)}) = ${shown(value, 4)}${said}`;
}

function oneTerm(unit) {
  const { step, bias, before } = unit;
  const [term] = unit.terms;
  const from = placeText(unit, term);
  if (step.node.kind === "concat") {
    const starts = step.sources.slice(0, term.branch).reduce((sum, { shape }) => sum + shape[2], 0);
    const last = starts + step.sources[term.branch].shape[2] - 1;
    const which = `branch ${term.branch + 1} of ${step.sources.length}, whose channels are ${starts} to ${last} here`;
    return `from ${which}: ${from}: ${shown(before, 4)}`;
  }
  if (term.weight === 1 && bias === null) return `passed on from ${from}: ${shown(before, 4)}`;
  const shift = bias === null ? "" : ` + ${shown(bias, 4)}`;
  return `${shown(term.value, 4)} × ${shown(term.weight, 4)}${shift} = ${shown(before, 4)}, from ${from}`;
}
