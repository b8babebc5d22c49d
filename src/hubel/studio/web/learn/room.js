// The learn room: a small network learns handwritten digits in this page, with nothing installed, and one sees it learn.

import { count, h, held, percent } from "hubel/view/dom";
import { written } from "hubel/view/numbers";
import { address, addressed } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { drawKernels } from "hubel/studio/kernels";
import { drawChart } from "hubel/studio/learn/chart";
import { digits } from "hubel/studio/learn/digits";
import { learnt, picture } from "hubel/studio/learn/learnt";
import { Net, drawn } from "hubel/studio/learn/net";

const [SLICE, DRAWN, AGAIN] = [24, 60, 500]; // ms at a time, from one drawing to the next, and until digits are asked again
const [MEASURED_EACH, FIRST, SMOOTH, SHOWN] = [2000, 500, 0.98, 12]; // images; of the running loss; digits
const OWN = "own";
const OF_A_NETWORK = ["about", "net", "still", "chance", "order", "seen", "loss", "seconds", "learning", "losses", "rights", "lastWrong", "inStep", "next"];
const MOST_KEPT = 5_000_000; // parameters
const TYPED = 300; // ms from the last key until what is typed is read
const [MOST_RATE, MOST_SIZE, LOST] = [1, 256, 100]; // of what may be set; a loss

/** The room's row in the registry. */
export const learn = { name: "learn", title: "Learn", server: false, open: (place) => new Learn(place) };

class Learn {
  constructor(place) {
    this.networks = held("learners");
    this.kept = new Map(); // what other networks have learnt, by their texts
    this.build(place);
    this.from(addressed());
  }

  build(place) {
    const field = (words, control) => h("label", { class: "field" }, h("span", {}, words), control);
    const number = (name, label, value, step) => h("input", { type: "number", id: `learn-${name}`, "aria-label": label, value, step, min: 0 });
    this.choice = h("select", { "aria-label": "network" }, this.networks.map(({ name }) => h("option", { value: name }, name)), h("option", { value: OWN }, "one that I type"));
    this.choice.addEventListener("change", () => this.choose());
    this.text = h("textarea", { rows: 2, spellcheck: "false", autocomplete: "off", "aria-label": "the network's text", class: "text" });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("change", () => this.readTyped());
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.readTyped();
    });
    this.rate = number("rate", "learning rate", 0.002, "any");
    this.size = number("size", "images a step", 16, 1);
    this.button = h("button", { type: "button", class: "play", onclick: () => (this.running ? this.pause() : this.press(() => this.play())) }, "▶ Train");
    this.one = h("button", { type: "button", onclick: () => this.press(() => this.step()) }, "One step");
    this.again = h("button", { type: "button", onclick: () => this.press(() => this.begin()) }, "Begin anew");
    this.wrong = h("p", { class: "wrong", role: "status" });
    this.notes = h("p", { class: "note" });
    this.figures = h("dl", { class: "totals" });
    this.chart = h("canvas", { class: "chart", width: 640, height: 220, role: "img" });
    this.filters = h("div", { class: "filters" });
    this.examples = h("div", { class: "shown" });
    this.mistakes = h("div", { class: "shown" });
    place.append(
      h("h1", { class: "hidden" }, "Learn"),
      h("div", { class: "settings" }, field("network", this.choice), field("learning rate", this.rate), field("images a step", this.size), this.button, this.one, this.again),
      this.text, this.wrong, this.notes,
      h("p", { class: "note" }, "The learning rate falls as it learns, to a half after three times through all digits: large steps at first, and small ones that settle."),
      this.figures,
      h("p", {}, h("a", { href: "#room=look&run=.learnt" }, "look inside: draw a digit of your own, and follow it through the layers")),
      h("div", { class: "learning-stage" },
        h("section", {}, h("h2", {}, this.ofLoss = h("span", { class: "of-loss" }, "loss"), ", and ", this.ofRight = h("span", { class: "of-right" }, "how many of 2,000 others are right"), " ", this.measured = h("small", { class: "note" })), this.chart),
        h("section", {}, h("h2", {}, "the first layer's kernels"), this.filters)),
      h("h2", {}, "digits that it never learnt from"), this.examples,
      h("h2", {}, "its mistakes among all 2,000", this.mistakesOf = h("span")), this.mistakes);
    this.able(false);
  }

  /** Whether there is something that can learn. */
  able(is) {
    for (const button of [this.button, this.one, this.again]) button.disabled = !is;
  }

  /** Called when the room comes into sight, or somebody changes the address. */
  shown(values) {
    if (!values.learner) address({ learner: this.told }); // a link that names the room alone: what it has learnt stays
    else if (values.learner !== this.told) this.from(values);
  }

  /** Take a network by its name, or its text. */
  from(values) {
    const known = this.networks.find(({ name }) => name === values.learner);
    if (values.learner && !known) this.text.value = values.learner;
    this.choice.value = known ? known.name : values.learner ? OWN : this.networks[0].name;
    this.choose();
  }

  /** What is typed is another network than the one that learns, and is read a moment later. */
  typed() {
    this.pause();
    this.choice.value = OWN;
    this.able(true); // what is pressed before it is read stands for it
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.readTyped(), TYPED);
  }

  /** Read now what was typed and is not read yet. */
  readTyped() {
    if (this.typing) this.choose();
  }

  /** Do what a button says, as soon as the network that is typed or chosen has been read. */
  press(act) {
    this.readTyped();
    if (!this.reading) return act();
    this.pressed = act;
    this.wrong.textContent = "the network is being read; what you pressed comes right after";
  }

  async choose() {
    this.pause();
    clearTimeout(this.typing);
    this.typing = this.pressed = null;
    const own = (this.reading = {});
    const known = this.networks.find(({ name }) => name === this.choice.value);
    if (known) this.text.value = known.text;
    const told = (this.told = known ? (known === this.networks[0] ? "" : known.name) : this.text.value);
    address({ learner: told });
    if (!known) this.notes.textContent = "reading …";
    const found = known ?? (await ask("learner", { text: told }).catch((error) => ({ error: error.message })));
    if (own !== this.reading) return; // another was chosen meanwhile
    this.wrong.textContent = found.error?.split("\n")[0] ?? ""; // without the line that points at a column
    const figures = found.error ? [] : [`${count(found.parameters)} parameters, ${count(found.macs)} multiply-adds an image`, ...found.notes];
    this.notes.textContent = figures.join("; ");
    const isReady = !found.error && (await this.take(found));
    if (own !== this.reading) return;
    this.reading = null;
    this.able(isReady);
    if (isReady) this.pressed?.();
  }

  /** Go on with a network that was read where it stood, if it is the one that learns or learnt something before; else
   * begin. Whether that could be. */
  take(found) {
    if (this.net && this.about.text === found.text) {
      this.go();
      return true;
    }
    if (this.seen) this.keep();
    const before = this.kept.get(found.text);
    if (!before) {
      this.about = found;
      return this.begin();
    }
    Object.assign(this, before, { measuring: null });
    this.showDigits();
    this.go();
    return true;
  }

  /** Keep what was learnt for when its network comes again; the oldest go where all would be too much. */
  keep() {
    const { kept } = this;
    kept.delete(this.about.text);
    kept.set(this.about.text, Object.fromEntries(OF_A_NETWORK.map((name) => [name, this[name]])));
    const all = () => [...kept.values()].reduce((sum, { about }) => sum + about.parameters, 0);
    while (kept.size > 1 && all() > MOST_KEPT) kept.delete(kept.keys().next().value);
  }

  /** Weights drawn at random, of the network that was read; whether that could be. */
  async begin() {
    this.pause();
    try {
      this.digits ??= await digits();
    } catch (error) {
      this.wrong.textContent = `the digits could not be fetched (${error.message}); load the page again`;
      return false;
    }
    this.net = new Net(this.about.steps);
    this.still = new Net(this.about.steps); // which is measured while the other goes on to learn
    this.chance = drawn(1);
    this.wrong.textContent = "";
    Object.assign(this, { order: [], seen: 0, loss: null, seconds: 0, learning: 0, losses: [], rights: [], lastWrong: [], inStep: 0, asking: null });
    learnt.own = this;
    this.able(true);
    this.beginMeasuring();
    this.showDigits();
    this.go();
    return true;
  }

  /** Whether learning rate and images a step can be learned by; where not, that is said. */
  canLearn() {
    const rate = Number(this.rate.value), size = Number(this.size.value);
    const wrong = [
      [this.rate, !(rate > 0 && rate <= MOST_RATE), `learning rate: expected a number above 0, at most ${MOST_RATE}`],
      [this.size, !(Number.isInteger(size) && size >= 1 && size <= MOST_SIZE), `images a step: expected a whole number from 1 to ${MOST_SIZE}`],
    ];
    for (const [field, isWrong] of wrong) field.setAttribute("aria-invalid", String(isWrong));
    const told = wrong.filter(([, isWrong]) => isWrong).map(([field, , words]) => `${words}, received ${field.value || "nothing"}`);
    if (this.loss !== null && !(this.loss < LOST)) told.push(`the loss is ${written(String(Number(this.loss.toPrecision(3))))}, far above that of guessing: the learning rate was too large; take a smaller one and begin anew`);
    this.wrong.textContent = told.join("; ");
    return !told.length;
  }

  play() {
    if (!this.canLearn()) return;
    this.running = true;
    this.button.textContent = "❚❚ Pause";
    this.ticked = performance.now();
    this.go();
  }

  /** Some of what comes next, an image at least, and again a moment later: learning, and measuring for as long while
   * that is under way. */
  go() {
    clearTimeout(this.timer);
    const began = performance.now();
    const until = began + SLICE / (this.measuring ? 2 : 1);
    if (this.learns && !this.canLearn()) this.pause();
    while (this.learns) {
      this.example();
      if (performance.now() >= until) break;
    }
    if (!this.learns && this.measuredLast !== this.seen) this.beginMeasuring(); // it waits: what stands there is measured
    if (this.asking) this.askDigits(until);
    if (this.measuring) this.measure(Math.max(began + SLICE, 2 * performance.now() - began));
    const now = performance.now();
    if (this.running) {
      this.seconds += (now - this.ticked) / 1000;
      this.ticked = now;
    }
    const goesOn = this.learns || this.measuring || this.asking;
    if (!goesOn || !(now - this.drawnAt < DRAWN)) this.show();
    if (goesOn) this.timer = setTimeout(() => this.go(), 0);
  }

  get learns() {
    return this.running || this.stepping;
  }

  /** Learn no more; what is measured is measured to its end. */
  pause() {
    this.running = this.stepping = false;
    this.button.textContent = "▶ Train";
  }

  step() {
    this.pause();
    if (!this.canLearn()) return;
    this.stepping = true;
    this.go();
  }

  /** The learning rate falls, to a half after three times through all: large steps first, small ones to settle. */
  get rateNow() {
    return Number(this.rate.value) / Math.sqrt(1 + this.seen / this.digits.training);
  }

  /** Learn from one image, and change the weights where it was the last of a step. */
  example() {
    const began = performance.now();
    const size = Number(this.size.value);
    if (!this.order.length) this.order = shuffled(this.digits.training, this.chance);
    const index = this.order.pop();
    const { loss } = this.net.learn(this.digits.at(index), this.digits.label(index));
    this.loss = this.loss === null ? loss : SMOOTH * this.loss + (1 - SMOOTH) * loss;
    this.inStep += 1;
    const isLast = this.inStep >= size;
    if (isLast) this.net.update(this.rateNow, this.inStep);
    this.learning += (performance.now() - began) / 1000;
    if (!isLast) return;
    this.seen += this.inStep;
    this.inStep = 0;
    this.losses.push([this.seen, this.loss]);
    if (!this.measuring && this.seen >= this.next) this.beginMeasuring();
    if (this.stepping) {
      this.stepping = false;
      this.canLearn();
      this.showDigits();
    }
  }

  /** Begin to measure the weights of this moment on the digits that are held out. */
  beginMeasuring() {
    this.still.take(this.net);
    this.measuring = { seen: this.seen, at: this.digits.training, wrong: [] };
  }

  /** After how many images the weights were that are measured, or were at last. */
  get measuredLast() {
    return (this.measuring ?? this.right)?.seen;
  }

  /** What was measured last: after how many images, and the share that was right. */
  get right() {
    const last = this.rights.at(-1);
    return last && { seen: last[0], share: last[1] };
  }

  /** Go on with that until a time. */
  measure(until) {
    const { digits, measuring: own } = this;
    for (; own.at < digits.number && performance.now() < until; own.at++) {
      const said = answer(this.still, digits.at(own.at));
      if (said !== digits.label(own.at)) own.wrong.push([own.at, said]);
    }
    if (own.at < digits.number) return;
    this.measuring = null;
    this.rights.push([own.seen, 1 - own.wrong.length / (digits.number - digits.training)]);
    this.next = own.seen + Math.min(MEASURED_EACH, Math.max(FIRST, own.seen)); // sooner at first
    this.lastWrong = own.seen ? own.wrong : [];
    this.showDigits();
  }

  show() {
    this.drawnAt = performance.now();
    const { right } = this;
    const figures = [
      ["images seen", count(this.seen)], ["times through all 8,000", (this.seen / this.digits.training).toFixed(2)],
      ["loss", this.loss === null ? "–" : this.loss.toFixed(4)], ["right of 2,000 others", right ? [percent(right.share), right.seen === this.seen ? "" : h("small", {}, ` after ${count(right.seen)} images`)] : "–"],
      ["seconds", this.seconds.toFixed(1)], ["images learnt a second", this.learning ? count(Math.round(this.seen / this.learning)) : "–"],
      ["learning rate now", this.rate.getAttribute("aria-invalid") === "true" ? "–" : written(String(Number(this.rateNow.toPrecision(2))))],
    ];
    this.figures.replaceChildren(...figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    this.measured.textContent = this.measuring ? `measuring: ${count(this.measuring.at - this.digits.training)} of 2,000` : "";
    const [lossColour, rightColour, quiet] = [this.ofLoss, this.ofRight, this.notes].map((each) => getComputedStyle(each).color);
    drawChart(this.chart, this, { lossColour, rightColour, quiet });
    this.showKernels();
    if (this.running && !this.asking && performance.now() - (this.shownAt ?? 0) > AGAIN) this.showDigits();
  }

  /** The first layer's weights: as pictures where they are kernels, or as large as the image where it is dense. */
  showKernels() {
    const layer = this.net.weighted[0];
    const [number, rows, columns] = layer.windows ? [layer.filters, layer.windows[0].kernel, layer.windows[1].kernel] : [layer.units, this.digits.side, this.digits.side];
    drawKernels(this.filters, { weights: layer.weight, number, rows, columns, channels: 1 });
  }

  /** Ask the first of the digits that are held out, and show its mistakes. */
  showDigits() {
    this.shownAt = performance.now();
    this.asking = [];
    const measured = this.right?.seen;
    this.mistakesOf.textContent = measured ? `, after ${count(measured)} images` : "";
    if (!this.seen) {
      this.mistakes.replaceChildren(h("p", { class: "note" }, "Nothing is learnt yet: the weights are drawn at random, and what is right is guessed, about one of ten. Press Train."));
      return;
    }
    if (!measured) {
      this.mistakes.replaceChildren(h("p", { class: "note" }, `All 2,000 are measured once it has learnt from ${count(FIRST)} images, or waits.`));
      return;
    }
    this.mistakes.replaceChildren(...this.lastWrong.slice(0, SHOWN).map(([index, said]) => this.digit(index, said)), this.lastWrong.length > SHOWN ? h("p", { class: "note" }, `${SHOWN} of ${this.lastWrong.length}`) : "");
  }

  /** Go on with asking them until a time. */
  askDigits(until) {
    const { digits, asking } = this;
    do asking.push(answer(this.net, digits.at(digits.training + asking.length))); while (asking.length < SHOWN && performance.now() < until);
    if (asking.length < SHOWN) return;
    this.asking = null;
    this.examples.replaceChildren(...asking.map((said, at) => this.digit(digits.training + at, said)));
  }

  digit(index, said) {
    const { digits } = this;
    const canvas = picture(digits, index);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `a ${digits.label(index)}`);
    const isRight = said === digits.label(index);
    return h("figure", { class: isRight ? "right" : "false" }, canvas, h("figcaption", {}, isRight ? `✓ ${said}` : `✗ ${said}, is ${digits.label(index)}`));
  }
}

/** The class that a network takes an example for. */
function answer(net, example) {
  const scores = net.forward(example);
  return scores.indexOf(Math.max(...scores));
}

function shuffled(number, chance) {
  const order = Array.from({ length: number }, (_, at) => at);
  for (let i = number - 1; i > 0; i--) {
    const j = Math.floor(chance() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
