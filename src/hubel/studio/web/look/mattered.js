// What mattered to a network that learns in the page: how steeply each pixel changes a score, and what covering takes away.

import { h } from "hubel/view/dom";
import { paint, signed } from "hubel/studio/kernels";
import { DEVIATION, MEAN } from "hubel/studio/learn/digits";

const [SQUARE, STEP, LATER] = [4, 2, 150]; // pixels that are covered, and from one square to the next; ms
const GROUND = -MEAN / DEVIATION; // what covers: black, as around every digit

/** The section of a running model and the network whose weights it has. */
export class Mattered {
  constructor(live, net) {
    Object.assign(this, { live, net });
    this.choose = h("select", { "aria-label": "of which digit" }, h("option", { value: "" }, "what it says"), [..."0123456789"].map((each) => h("option", {}, each)));
    this.maps = ["steepness", "covering"].map((name) => {
      const canvas = h("canvas", { width: 28, height: 28, role: "img", "aria-label": name });
      const words = h("figcaption");
      return { canvas, words, element: h("figure", {}, canvas, words) };
    });
    this.element = h("section", { class: "mattered" }, h("h2", {}, "what mattered"),
      h("p", { class: "bar" }, h("label", {}, "to the score of ", this.choose)),
      h("div", { class: "maps" }, this.maps.map(({ element }) => element)));
    this.choose.addEventListener("change", () => this.show());
    for (const kind of ["pointerup", "keyup", "click", "drop"]) live.element.addEventListener(kind, () => this.later());
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), LATER);
  }

  /** Work both out for what is looked at now. */
  show() {
    const { net, live } = this;
    const input = Float32Array.from(live.model.given.data);
    const [rows, columns] = live.model.picture;
    const scores = Float32Array.from(net.forward(input));
    const digit = this.choose.value === "" ? scores.indexOf(Math.max(...scores)) : Number(this.choose.value);
    const found = [net.steepness(input, digit), covered(net, input, rows, columns, digit, scores[digit])];
    const told = [
      `how steeply each pixel changes the score of ${digit}: a lighter one raises it where it is blue here, and lowers it where orange`,
      `what its score loses where a square of ${SQUARE}×${SQUARE} is covered: blue spoke for ${digit}, orange against it`,
    ];
    this.maps.forEach(({ canvas, words }, at) => {
      const most = found[at].reduce((high, value) => Math.max(high, Math.abs(value)), 1e-12);
      paint(canvas, rows, columns, (i) => signed(found[at][i] / most));
      canvas.setAttribute("aria-label", told[at]);
      words.textContent = told[at];
    });
  }
}

/** The mean loss of a score over all squares that cover a pixel. */
export function covered(net, input, rows, columns, digit, score) {
  const [lost, times] = [new Float32Array(input.length), new Float32Array(input.length)];
  for (let top = 0; top + SQUARE <= rows; top += STEP) for (let left = 0; left + SQUARE <= columns; left += STEP) {
    const places = [];
    for (let row = top; row < top + SQUARE; row++) for (let column = left; column < left + SQUARE; column++) places.push(row * columns + column);
    const changed = Float32Array.from(input);
    for (const place of places) changed[place] = GROUND;
    const loss = score - net.forward(changed)[digit];
    for (const place of places) {
      lost[place] += loss;
      times[place] += 1;
    }
  }
  return lost.map((value, at) => value / (times[at] || 1));
}
