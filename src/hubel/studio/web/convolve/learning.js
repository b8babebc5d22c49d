// What does learning do to these numbers? One step of gradient descent at one place, weight by weight.

import { h } from "hubel/view/dom";
import { ACTIVATIONS, learned } from "hubel/studio/convolve/arithmetic";
import { number, short } from "hubel/studio/convolve/patterns";
import { refused } from "hubel/studio/convolve/settings";

const MANY = 10;
const DIGITS = 4; // of weights, which a step may change by little

/** A folded part of the room. take(weights, bias): the step was taken. changed(): a number of it was. */
export class Learning {
  constructor(take, changed) {
    this.take = take;
    const field = (label, value) => h("input", { type: "text", value, autocomplete: "off", "aria-label": label, oninput: () => changed() });
    const button = (times, words) => h("button", { type: "button", onclick: () => this.step(times) }, words);
    this.wanted = field("the wanted number", 1);
    this.rate = field("learning rate", 0.1);
    this.buttons = [button(1, "take a step"), button(MANY, `take ${MANY} steps`)];
    this.found = h("div", { class: "found" });
    this.steps = h("p", { class: "note", role: "status" });
    this.element = h("details", { class: "learning" },
      h("summary", {}, "what does learning do to these numbers?"),
      h("p", { class: "note" }, "The chosen place should have said another number. The loss is half the square of the difference; each weight is changed by the rate times the loss's slope with respect to it, which is the place's error times the number that the weight met."),
      h("div", { class: "settings" },
        h("label", { class: "field" }, h("span", {}, "this place should be"), this.wanted),
        h("label", { class: "field" }, h("span", {}, "learning rate"), this.rate),
        ...this.buttons),
      this.found, this.steps);
  }

  hide() {
    this.element.hidden = true;
  }

  /** About one place: {how, planes, kernel, bias, activation, place}. */
  show(about) {
    this.about = about;
    this.element.hidden = false;
    const wrong = refused([this.wanted, this.rate].map((field) => [field, null, false, true]));
    for (const button of this.buttons) button.disabled = Boolean(wrong);
    if (wrong) {
      this.found.replaceChildren(h("p", { class: "wrong", role: "status" }, wrong));
      return;
    }
    const after = this.next(about);
    const { words } = ACTIVATIONS[about.activation];
    const size = about.how.size;
    const lines = [
      ["error", `y − wanted = ${short(after.y, DIGITS)} − ${short(this.target)} = ${short(after.y - this.target, DIGITS)}`],
      ["loss", `½ · (${short(after.y - this.target, DIGITS)})² = ${short(after.loss, DIGITS)}`],
    ];
    if (about.activation !== "none") lines.push([`slope of ${words}`, `at z = ${short(after.z, DIGITS)}: ${short(after.slope, DIGITS)}`]);
    lines.push(["error at z", `${short(after.delta, DIGITS)}`]);
    const table = about.kernel.map((plane, channel) => {
      const cells = plane.flatMap((line, y) => line.map((weight, x) => {
        const gradient = after.gradients[channel][y][x];
        return h("span", { class: `term${gradient ? "" : " still"}` }, `${short(weight, DIGITS)} − ${short(this.learningRate)} · ${short(gradient, DIGITS)}`, h("b", {}, short(after.weights[channel][y][x], DIGITS)));
      }));
      const grid = h("div", { class: "terms" }, cells);
      grid.style.gridTemplateColumns = `repeat(${size}, minmax(0, 150px))`;
      return grid;
    });
    const dead = after.delta === 0 && after.loss > 1e-12;
    this.found.replaceChildren(
      h("dl", { class: "arithmetic" }, lines.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      h("div", { class: "planes" }, table),
      h("p", {}, `bias: ${short(about.bias, DIGITS)} − ${short(this.learningRate)} · ${short(after.delta, DIGITS)} = `, h("b", {}, short(after.bias, DIGITS))),
      dead ? h("p", { class: "note" }, "Nothing is learned here: the activation is flat at this z, so that no weight can change the loss.") : "");
  }

  get target() {
    return number(this.wanted.value).value;
  }

  get learningRate() {
    return number(this.rate.value).value;
  }

  next({ how, planes, kernel, bias, activation, place }) {
    return learned(how, planes, kernel, bias, activation, place, this.target, this.learningRate);
  }

  step(number) {
    let about = this.about;
    const losses = [];
    for (let i = 0; i < number; i++) {
      const after = this.next(about);
      losses.push(after.loss);
      about = { ...about, kernel: after.weights, bias: after.bias };
    }
    losses.push(this.next(about).loss);
    const isFinite = losses.every(Number.isFinite);
    if (isFinite) this.take(about.kernel, about.bias);
    const grows = losses.at(-1) > losses[0];
    this.steps.textContent = isFinite
      ? `loss ${short(losses[0], DIGITS)} → ${short(losses.at(-1), DIGITS)}${grows ? ": it grows, since the rate is too large for these numbers; a smaller one goes down" : ""}`
      : "the numbers grow without end: the rate is too large; nothing was changed";
  }
}
