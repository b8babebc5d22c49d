// What goes by itself through a layer's sums: product by product, or place by place, as quickly as is asked for.

import { h } from "hubel/view/dom";

const PRODUCT = 90; // milliseconds between two products at the usual speed
const PLACE = 260;
const SPEEDS = [["¼", 0.25], ["½", 0.5], ["1", 1], ["2", 2], ["4", 4], ["8", 8]];

/** A button, a choice of what comes one at a time, and one of the speed. `tick(byPlace)` is called for each. */
export class Player {
  constructor(tick) {
    this.tick = tick;
    this.button = h("button", { type: "button", class: "play", onclick: () => this.toggle() }, "Play");
    this.kind = choice("each", [["product", "product"], ["place", "place"]], "product", "what comes one at a time");
    this.speed = choice("speed", SPEEDS.map(([text, value]) => [`×${text}`, value]), 1, "how quickly");
    this.speed.addEventListener("change", () => this.isRunning && this.begin());
    this.kind.addEventListener("change", () => this.isRunning && this.begin());
    this.element = h("span", { class: "player" }, this.button, this.kind, this.speed);
  }

  get isRunning() {
    return this.timer !== undefined;
  }

  get byPlace() {
    return this.kind.value === "place";
  }

  toggle() {
    if (this.isRunning) this.pause();
    else this.begin();
  }

  begin() {
    this.pause();
    const between = (this.byPlace ? PLACE : PRODUCT) / Number(this.speed.value);
    this.timer = setInterval(() => this.tick(this.byPlace), between);
    this.button.textContent = "Pause";
    this.tick(this.byPlace);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.button.textContent = "Play";
  }
}

function choice(name, options, chosen, label) {
  const made = options.map(([text, value]) => h("option", { value, selected: value === chosen }, text));
  return h("select", { class: name, "aria-label": label, title: label }, made);
}
