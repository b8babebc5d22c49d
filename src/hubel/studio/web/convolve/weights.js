// A kernel's weights as fields. One that cannot be read stays as it was typed, and it is said what would be read.

import { h } from "hubel/view/dom";
import { CHANNELS } from "hubel/studio/convolve/grid";
import { number, short } from "hubel/studio/convolve/patterns";

export class Weights {
  /** typed(channel, row, column, value): one was typed; null where it cannot be read. */
  constructor(typed) {
    this.typed = typed;
    this.element = h("div", { class: "planes" });
    this.wrong = h("p", { class: "wrong", id: "convolve-weight", role: "status" });
  }

  /** Show a kernel, and say whether all that stands in the fields can be read. */
  show(kernel) {
    const size = kernel[0].length;
    if (this.element.dataset.form !== `${size} ${kernel.length}`) this.build(kernel, size);
    const isOther = this.kernel !== kernel; // not the one whose weights are typed
    this.kernel = kernel;
    this.each((cell, channel, y, x) => {
      if (isOther) cell.ariaInvalid = "false";
      if (isOther || (document.activeElement !== cell && cell.ariaInvalid !== "true")) cell.value = short(kernel[channel][y][x], 3);
    });
    const cell = this.cells.flat(2).find(({ ariaInvalid }) => ariaInvalid === "true");
    this.wrong.textContent = cell ? `${cell.ariaLabel}: ${number(cell.value).wrong}` : "";
    return !cell;
  }

  build(kernel, size) {
    this.element.dataset.form = `${size} ${kernel.length}`;
    this.cells = kernel.map((plane, channel) => plane.map((line, y) => line.map((_, x) => h("input", {
      inputmode: "text", size: 4, "aria-label": `weight, ${CHANNELS[channel]}, row ${y + 1}, column ${x + 1}`, "aria-describedby": "convolve-weight",
      oninput: (event) => this.read(event.target, channel, y, x),
    }))));
    this.element.replaceChildren(...this.cells.map((plane, channel) => {
      const grid = h("div", { class: "weights", role: "group", "aria-label": `kernel, ${CHANNELS[channel]}` }, plane.flat());
      grid.style.gridTemplateColumns = `repeat(${size}, minmax(0, 62px))`;
      return grid;
    }));
  }

  read(cell, channel, y, x) {
    const { value, wrong } = number(cell.value);
    cell.ariaInvalid = String(Boolean(wrong));
    this.typed(channel, y, x, wrong ? null : value);
  }

  /** Mark the weight of the product that is reached, if any. */
  mark(term) {
    this.each((cell, channel, y, x) => cell.classList.toggle("now", Boolean(term) && term.channel === channel && term.y === y && term.x === x));
  }

  each(act) {
    this.cells.forEach((plane, channel) => plane.forEach((line, y) => line.forEach((cell, x) => act(cell, channel, y, x))));
  }
}
