// The convolve room: one window operation on a few numbers, place by place, product by product, and what a step of
// learning does to its weights.

import { h, held } from "hubel/view/dom";
import { Player } from "hubel/view/live/player";
import { shooting } from "hubel/view/ways/camera";
import { address, addressed } from "hubel/studio/address";
import { ACTIVATIONS, OPERATIONS, output, sized, terms } from "hubel/studio/convolve/arithmetic";
import { CHANNELS, Grid, extent } from "hubel/studio/convolve/grid";
import { Learning } from "hubel/studio/convolve/learning";
import { NAMES, number, pattern, pixels, read, short, written } from "hubel/studio/convolve/patterns";
import { Sum } from "hubel/studio/convolve/sum";
import { bounded, RANGES, refused } from "hubel/studio/convolve/settings";
import { Weights } from "hubel/studio/convolve/weights";
import { Usable } from "hubel/studio/usable";

const FIRST = { op: "conv", s: "1", p: "0", d: "1", b: "0", f: "none", x: "seven", k: "sobel-x", at: "0,0" };

/** The room's row in the registry. */
export const convolve = { name: "convolve", title: "Convolve", server: false, open: (place) => new Convolve(place) };

class Convolve {
  constructor(place) {
    this.named = held("kernels");
    this.player = new Player((byPlace) => this.goOn(byPlace));
    this.sum = new Sum();
    this.learning = new Learning((weights, bias) => this.take(weights, bias), () => this.show());
    this.usable = new Usable(place);
    this.build(place);
    this.from({ ...FIRST, ...addressed() });
  }

  build(place) {
    const select = (name, label, options, act) => {
      const made = h("select", { "aria-label": label, id: `convolve-${name}` }, options.map(([value, words]) => h("option", { value }, words)));
      made.addEventListener("change", act);
      return made;
    };
    const whole = (name, label, [min, max]) => h("input", { type: "number", id: `convolve-${name}`, "aria-label": label, min, max, step: 1, oninput: () => this.typed() });
    this.operation = select("op", "operation", Object.entries(OPERATIONS).map(([name, { title }]) => [name, title]), () => this.typed());
    this.stride = whole("s", "stride", RANGES.s);
    this.padding = select("p", "padding", [...Array.from({ length: 7 }, (_, i) => [String(i), String(i)]), ["same", "same"]], () => this.typed());
    this.dilation = whole("d", "dilation", RANGES.d);
    this.bias = h("input", { type: "text", id: "convolve-b", "aria-label": "bias", autocomplete: "off", oninput: () => this.typed() });
    this.activation = select("f", "activation", Object.entries(ACTIVATIONS).map(([name, { words }]) => [name, name === "none" ? "none" : `${name}: ${words}`]), () => this.typed());
    this.picture = select("x", "input", [...NAMES.map((name) => [name, name]), ["own", "own numbers"]], () => this.picture.value !== "own" && this.input(pattern(this.picture.value, this.planes.length), this.picture.value));
    this.channels = select("c", "channels", [1, 2, 3].map((each) => [String(each), String(each)]), () => this.rechannel(Number(this.channels.value)));
    this.kernelName = select("k", "kernel", [["", "own numbers"], ...this.named.map(({ name, summary }) => [name, `${name}: ${summary}`])], () => this.nameKernel());
    this.size = select("size", "kernel size", [1, 2, 3, 4, 5, 6, 7].map((each) => [String(each), `${each}×${each}`]), () => this.resize(Number(this.size.value)));
    this.file = h("input", { type: "file", accept: "image/*", class: "hidden", id: "convolve-file", onchange: () => this.load(this.file.files[0]) });
    this.numbers = h("textarea", { rows: 3, spellcheck: "false", "aria-label": "the input's numbers", "aria-describedby": "convolve-numbers", oninput: () => this.typedNumbers() });
    this.numbersWrong = h("p", { class: "wrong", id: "convolve-numbers", role: "status" });
    this.inputs = h("div", { class: "planes" });
    this.fields = new Weights((channel, y, x, value) => this.typedWeight(channel, y, x, value));
    this.outputs = h("div", { class: "planes" });
    this.formula = h("div", { class: "formula", role: "status" });
    const camera = shooting((blob) => this.load(new File([blob], "the camera's picture")), (words) => (this.numbersWrong.textContent = words));
    const next = h("button", { type: "button", onclick: () => { this.player.pause(); this.goOn(this.player.byPlace); } }, "next");
    const field = (words, control) => h("label", { class: "field" }, h("span", {}, words), control);
    this.weighted = [field("bias", this.bias), field("activation", this.activation)];
    this.pads = [field("padding", this.padding), field("dilation", this.dilation)];
    place.append(
      h("h1", { class: "hidden" }, "Convolve"), this.usable.element,
      h("div", { class: "settings" }, field("operation", this.operation), field("kernel size", this.size), field("stride", this.stride), ...this.pads, ...this.weighted, field("channels", this.channels)),
      this.formula,
      h("div", { class: "stage" },
        h("section", { class: "part" }, h("h2", {}, "input"),
          h("div", { class: "tools" }, this.picture, this.file, h("label", { class: "button", for: "convolve-file" }, "a picture …"), camera.button),
          camera.element, this.numbersWrong, this.inputs, h("p", { class: "note" }, "press to draw; with the keyboard arrows and the space bar"),
          h("details", {}, h("summary", {}, "type the numbers"), this.numbers)),
        this.kernelPart = h("section", { class: "part kernels" }, h("h2", {}, "kernel"), h("div", { class: "tools" }, this.kernelName), this.fields.element, this.fields.wrong),
        h("section", { class: "part" }, h("h2", {}, "output"), h("div", { class: "tools" }, this.player.element, next), this.outputs),
        h("section", { class: "made-of" }, h("h2", {}, "how one place comes about"), this.sum.element, this.sum.said)),
      this.learning.element,
    );
    place.addEventListener("dragover", (event) => event.preventDefault());
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      this.load(event.dataTransfer.files[0]);
    });
  }

  /** Called when the room comes into sight, or somebody changes the address. */
  shown(values) {
    const own = ["op", "s", "p", "d", "b", "f", "x", "k", "at"];
    if (own.some((name) => values[name] && values[name] !== this.told?.[name])) this.from({ ...FIRST, ...values });
  }

  /** Take all of it from words, as the address has them; what is none of its kind is replaced, and that is said. */
  from(said) {
    const { usable } = this;
    usable.begin(said);
    this.operation.value = usable.oneOf("op", Object.keys(OPERATIONS), FIRST.op);
    this.activation.value = usable.oneOf("f", Object.keys(ACTIVATIONS), FIRST.f);
    this.padding.value = usable.oneOf("p", [...this.padding.options].map(({ value }) => value), FIRST.p);
    this.stride.value = usable.number("s", RANGES.s, FIRST.s);
    this.dilation.value = usable.number("d", RANGES.d, FIRST.d);
    this.bias.value = usable.number("b", RANGES.b, FIRST.b, false);
    const typed = NAMES.includes(said.x) ? {} : read(said.x);
    if (typed.wrong) usable.replace("x", `a name (${NAMES.join(", ")}) or ${typed.wrong.replace("expected ", "")}`, `${FIRST.x} is taken`);
    this.picture.value = typed.planes ? "own" : typed.wrong ? FIRST.x : said.x;
    const kernel = this.kernelOf(said.k, usable);
    this.planes = (typed.planes ?? pattern(this.picture.value, kernel.length)).map(copied);
    if (typed.planes && kernel.length > this.planes.length && kernel.length > 1) {
      usable.replace("k", `as many channels as the input's ${this.planes.length}`, "the others are left out");
    }
    this.kernel = kernel.map(copied);
    this.rechannelled();
    this.at = said.at.split(",").map(Number);
    if (this.at.length !== 2 || !this.at.every((each) => Number.isInteger(each) && each >= 0)) {
      usable.replace("at", "a row and a column, counted from 0, such as 2,3", `${FIRST.at} is taken`);
      this.at = [0, 0];
    }
    this.product = Infinity;
    this.show();
    if (this.places && said.at !== FIRST.at && this.at.join(",") !== said.at && !usable.element.textContent.includes(" at=")) {
      usable.replace("at", `a place of the output, of ${this.places.join("×")}`, `${this.at.join(",")} is taken`);
    }
  }

  /** The planes of a kernel by its name, or its numbers. */
  kernelOf(said, usable) {
    const named = (name) => this.named.find((each) => each.name === name)?.grid;
    if (named(said)) return [named(said)];
    const { planes, wrong } = read(said);
    const fits = planes && planes[0].length === planes[0][0].length && planes[0].length <= 7;
    if (fits) return planes;
    usable.replace("k", wrong ? `a kernel's name or ${wrong.replace("expected ", "")}` : "as many rows as columns, at most 7", `${FIRST.k} is taken`);
    return [named(FIRST.k)];
  }

  get how() {
    const own = OPERATIONS[this.operation.value];
    return {
      operation: this.operation.value, size: this.kernel[0].length, stride: bounded(this.stride.value, RANGES.s),
      padding: this.padding.value === "same" ? "same" : Number(this.padding.value), dilation: own.pads ? bounded(this.dilation.value, RANGES.d) : 1,
    };
  }

  /** The weights as they are used: of an average all equal. */
  get weights() {
    if (OPERATIONS[this.operation.value].weights) return this.kernel;
    const size = this.kernel[0].length;
    return this.kernel.map((plane) => plane.map((line) => line.map(() => 1 / size ** 2)));
  }

  get usesBias() {
    return OPERATIONS[this.operation.value].weights ? (number(this.bias.value).value ?? 0) : 0;
  }

  get usesActivation() {
    return OPERATIONS[this.operation.value].weights ? this.activation.value : "none";
  }

  typed() {
    this.product = Infinity;
    this.show();
  }

  input(planes, name = "own") {
    this.planes = planes.map(copied);
    this.picture.value = name;
    this.rechannelled();
    this.typed();
  }

  rechannel(channels) {
    const name = this.picture.value === "own" ? null : this.picture.value;
    this.planes = name ? pattern(name, channels).map(copied) : Array.from({ length: channels }, (_, i) => copied(this.planes[Math.min(i, this.planes.length - 1)]));
    this.rechannelled();
    this.typed();
  }

  /** As many planes of the kernel as of the input. */
  rechannelled() {
    this.refuse();
    while (this.kernel.length < this.planes.length) this.kernel.push(copied(this.kernel[0]));
    this.kernel.length = this.planes.length;
  }

  nameKernel() {
    const found = this.named.find(({ name }) => name === this.kernelName.value);
    if (!found) return;
    this.kernel = this.planes.map(() => copied(found.grid));
    this.typed();
  }

  /** Another size of the kernel: its middle stays, whatever the steps, and what was cut off comes back with its size. */
  resize(size) {
    if (this.cut?.shown !== written(this.kernel)) this.cut = { whole: this.kernel };
    this.kernel = this.cut.whole.map((plane) => {
      const shift = Math.floor(size / 2) - Math.floor(plane.length / 2);
      return Array.from({ length: size }, (_, y) => Array.from({ length: size }, (__, x) => plane[y - shift]?.[x - shift] ?? 0));
    });
    this.cut.shown = written(this.kernel);
    this.typed();
  }

  typedNumbers() {
    const found = read(this.numbers.value);
    if (found.planes) this.input(found.planes);
    else this.refuse(found.wrong);
  }

  /** Say what is wrong with the numbers that were typed, which stay there; nothing, where others have come. */
  refuse(wrong = "") {
    this.numbersWrong.textContent = wrong;
    this.numbers.setAttribute("aria-invalid", String(wrong !== ""));
  }

  /** Take weights that a step of learning made. */
  take(weights, bias) {
    this.kernel = weights;
    this.bias.value = Number(bias.toFixed(6));
    this.show();
  }

  /** Take a picture file. */
  async load(file) {
    if (!file) return;
    try {
      this.input(await pixels(file, this.planes.length));
      this.file.value = "";
    } catch ({ message }) {
      this.numbersWrong.textContent = `${file.name} cannot be read: ${message}`;
    }
  }

  /** Draw at a place: what is drawn is taken from the first one, so that a stroke is of one kind. */
  draw(channel, row, column, ink) {
    const plane = this.planes[channel];
    const full = Math.max(1, ...plane.flat());
    const value = ink ?? (plane[row][column] ? 0 : full);
    if (plane[row][column] !== value) {
      plane[row][column] = value;
      this.picture.value = "own";
      this.refuse();
      this.show();
    }
    return value;
  }

  /** Show all of it. */
  show() {
    const { how } = this;
    const own = OPERATIONS[how.operation];
    for (const each of this.weighted) each.hidden = !own.weights;
    for (const each of this.pads) each.hidden = !own.pads;
    this.kernelPart.hidden = !own.weights;
    this.size.value = String(how.size);
    this.channels.value = String(this.planes.length);
    if (document.activeElement !== this.numbers && this.numbers.ariaInvalid !== "true") this.numbers.value = written(this.planes).replaceAll(" / ", "\n").replaceAll(" // ", "\n\n");
    const same = this.named.find(({ grid }) => this.kernel.every((plane) => written([plane]) === written([grid])));
    const isRead = this.fields.show(this.kernel) || !own.weights;
    this.kernelName.value = isRead ? (same?.name ?? "") : "";
    const axes = [this.planes[0].length, this.planes[0][0].length].map((n) => ({ n, ...sized(how, n) }));
    const wrong = refused([[this.stride, RANGES.s, true, true], [this.dilation, RANGES.d, true, own.pads], [this.bias, RANGES.b, false, own.weights]]) ?? axes.find((axis) => axis.wrong)?.wrong;
    this.showFormula(axes, wrong);
    this.tell();
    this.showInputs();
    this.isStale = Boolean(wrong) || !isRead;
    this.outputs.classList.toggle("stale", this.isStale);
    if (this.isStale) {
      this.player.pause();
      this.sum.clear();
      this.learning.hide();
      return;
    }
    this.places = axes.map(({ places }) => places);
    this.at = this.at.map((each, axis) => Math.min(each, this.places[axis] - 1));
    this.made = output(how, this.planes, this.weights, this.usesBias, this.usesActivation);
    this.showOutput();
    this.showPlace();
  }

  /** Say in the address what is shown. */
  tell() {
    const { how } = this;
    this.told = {
      op: how.operation, s: String(how.stride), p: String(this.padding.value), d: String(this.dilation.value), b: String(number(this.bias.value).value ?? this.bias.value), f: this.activation.value,
      x: this.picture.value === "own" ? plain(written(this.planes)) : this.picture.value,
      k: this.kernelName.value && this.kernel.length === 1 ? this.kernelName.value : plain(written(this.kernel, 5)),
      at: this.at.join(","),
    };
    const fresh = Object.fromEntries(Object.entries(this.told).map(([name, value]) => [name, value === FIRST[name] ? "" : value]));
    if (addressed().room === "convolve" || Object.values(fresh).some(Boolean)) address(fresh);
  }

  showFormula(axes, wrong) {
    if (wrong) {
      this.formula.replaceChildren(h("p", { class: "wrong" }, wrong));
      return;
    }
    const [rows, columns] = axes;
    const lines = rows.n === columns.n ? [["rows and columns", rows]] : [["rows", rows], ["columns", columns]];
    const channels = OPERATIONS[this.how.operation].weights ? 1 : this.planes.length;
    this.formula.replaceChildren(
      h("p", {}, h("b", {}, `${rows.n}×${columns.n}×${this.planes.length} → ${rows.places}×${columns.places}×${channels}`), h("span", { class: "rule" }, rows.rule)),
      h("p", { class: "letters" }, "n places of the input, k of the kernel, s stride, p padding on each side, d dilation"),
      ...lines.map(([name, axis]) => h("p", {}, h("span", { class: "name" }, name), axis.numbers)));
  }

  showInputs() {
    this.grids(this.inputs, this.planes.length, (channel) => new Grid(`input, ${CHANNELS[channel]}`, { draw: (row, column, ink) => this.draw(channel, row, column, ink) }));
    const shades = extent(this.planes.flat());
    this.inputs.grids.forEach((grid, channel) => grid.show(this.planes[channel], shades));
  }

  /** A weight was typed; null where it cannot be read. */
  typedWeight(channel, y, x, value) {
    if (value !== null) this.kernel[channel][y][x] = value;
    this.show();
  }

  showOutput() {
    this.grids(this.outputs, this.made.length, (channel) => new Grid(`output, ${CHANNELS[channel]}`, { choose: (row, column) => this.choose(row, column) }));
    const shades = extent(this.made.flat());
    this.outputs.grids.forEach((grid, channel) => grid.show(this.made[channel], shades));
  }

  grids(place, number, make) {
    if (place.grids?.length === number) return;
    place.grids = Array.from({ length: number }, (_, channel) => make(channel));
    place.replaceChildren(...place.grids.map((grid) => grid.element));
  }

  choose(row, column) {
    this.at = [row, column];
    this.product = Infinity;
    this.tell();
    this.showPlace();
  }

  /** The next product, or the next place. */
  goOn(byPlace) {
    const [row, column] = this.at;
    const most = this.terms.length;
    if (!byPlace && this.product < most) {
      this.product += 1;
    } else {
      const next = row * this.places[1] + column + 1;
      this.at = next < this.places[0] * this.places[1] ? [Math.floor(next / this.places[1]), next % this.places[1]] : [0, 0];
      this.product = byPlace ? Infinity : 1;
    }
    this.showPlace();
  }

  /** How the chosen place comes about, up to the product that is reached. */
  showPlace() {
    if (this.isStale) return;
    const { how } = this;
    const [row, column] = this.at;
    const isPool = !OPERATIONS[how.operation].weights;
    const planes = isPool ? [this.planes[0]] : this.planes;
    this.terms = terms(how, planes, isPool ? [this.weights[0]] : this.weights, row, column);
    const reached = this.terms.slice(0, this.product);
    const isWhole = reached.length === this.terms.length;
    const current = isWhole ? null : reached.at(-1);
    this.inputs.grids.forEach((grid, channel) => {
      const own = this.terms.filter((term) => term.isInside && (isPool || term.channel === channel)).map((term) => [term.row, term.column]);
      grid.mark({ seen: own, now: current && current.isInside && (isPool || current.channel === channel) ? [[current.row, current.column]] : [] });
    });
    this.fields.mark(current);
    this.outputs.grids.forEach((grid) => grid.mark({ chosen: [[row, column]] }));
    const about = { how, planes: this.planes, kernel: this.kernel, bias: this.usesBias, activation: this.usesActivation, place: this.at };
    this.sum.show(about, this.terms, reached);
    if (isPool || !isWhole) this.learning.hide();
    else this.learning.show(about);
  }
}

function copied(plane) {
  return plane.map((line) => [...line]);
}

function plain(text) {
  return text.replaceAll("−", "-").replaceAll(" // ", "//"); // a row alone with "/" would be a fraction
}
