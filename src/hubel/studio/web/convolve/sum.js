// How one place of the output comes about: its products, up to the one that is reached, and what they come to.

import { h } from "hubel/view/dom";
import { ACTIVATIONS, OPERATIONS, summed } from "hubel/studio/convolve/arithmetic";
import { short } from "hubel/studio/convolve/patterns";

export class Sum {
  constructor() {
    this.element = h("div", { class: "sum" });
    this.said = h("p", { class: "hidden", role: "status", "aria-live": "polite" });
  }

  clear() {
    this.element.replaceChildren();
  }

  /** About one place: {how, kernel, bias, activation, place}, all its terms, and how many of them are reached. */
  show({ how, kernel, bias, activation, place: [row, column] }, terms, reached) {
    const isWhole = reached.length === terms.length;
    const outside = reached.filter(({ isInside }) => !isInside).length;
    const place = `row ${row + 1}, column ${column + 1}`;
    if (how.operation === "maxpool") {
      const values = reached.map(({ value }) => value);
      this.element.replaceChildren(h("p", {}, h("b", {}, `${place}: `), `max(${values.map((value) => short(value)).join(", ")}) = `, h("b", { class: "total" }, short(Math.max(...values)))));
      this.said.textContent = `${place}: ${short(Math.max(...values))}`;
      return;
    }
    const size = how.size;
    const table = kernel.slice(0, how.operation === "avgpool" ? 1 : kernel.length).map((_, channel) => {
      const cells = Array.from({ length: size * size }, (__, i) => {
        const term = reached.find((each) => each.channel === channel && each.y * size + each.x === i);
        if (!term) return h("span", { class: "term none" }, "·");
        const product = term.value * term.weight;
        return h("span", { class: `term${term.isInside ? "" : " outside"}${term === reached.at(-1) && !isWhole ? " now" : ""}` },
          `${short(term.value)} · ${short(term.weight)}`, h("b", {}, short(product)));
      });
      const grid = h("div", { class: "terms" }, cells);
      grid.style.gridTemplateColumns = `repeat(${size}, minmax(0, 96px))`;
      return grid;
    });
    const sum = summed(how, reached);
    const z = sum + bias;
    const act = ACTIVATIONS[activation];
    const lines = [h("p", {}, h("b", {}, `${place}: `), `the sum of ${isWhole ? "all " : ""}${reached.length} product${reached.length === 1 ? "" : "s"}`, isWhole ? "" : ` of ${terms.length}`, " is ", h("b", { class: "total" }, short(sum, 4)))];
    if (isWhole && OPERATIONS[how.operation].weights) {
      const plus = bias ? ` + bias ${short(bias)} = ${short(z, 4)}` : "";
      const then = activation === "none" ? "" : `; ${activation}: ${act.words} = ${short(act.of(z), 4)}`;
      if (plus || then) lines.push(h("p", {}, `z = ${short(sum, 4)}${plus}${then}`));
    }
    if (outside) lines.push(h("p", { class: "note" }, `${outside} of them lie${outside === 1 ? "s" : ""} on the padding, which is zero`));
    if (how.operation === "transposed" && reached.length < size * size * kernel.length && isWhole) {
      lines.push(h("p", { class: "note" }, "the other weights meet no number here: with this stride each number of the input is spread over places further apart"));
    }
    this.element.replaceChildren(h("div", { class: "planes" }, table), ...lines);
    if (isWhole) this.said.textContent = `${place}: ${short(act.of(z), 4)}`;
  }
}
