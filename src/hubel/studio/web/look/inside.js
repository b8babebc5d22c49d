// A run's model at work in the page: draw, drop, and follow any number through it; of one that trains, as it learns.

import { count, drawn, h, percent } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";
import { ask } from "hubel/studio/asking";
import { drawKernels } from "hubel/studio/kernels";
import { LEARNT, packed, picture, samples, weights } from "hubel/studio/learn/learnt";
import { Mattered } from "hubel/studio/look/mattered";
import { More } from "hubel/studio/look/more";

const [PATIENCE, AGAIN, MISTAKES] = [6000, 1000, 24]; // ms; ms between looks at what learns in the page; shown

export class Inside {
  constructor() {
    this.told = h("p", { class: "note", role: "status" });
    this.filters = h("section", { class: "kernels", hidden: true }, this.filtersOf = h("h2", {}), this.kernels = h("div", { class: "filters" }));
    this.wrong = h("div", { class: "wrong-ones" });
    this.model = h("div", { class: "looked" });
    this.more = new More(() => this.live?.pad.pixels() ?? null);
    this.more.of(null);
    this.mattered = h("div", {});
    this.element = h("div", {}, this.told, this.filters, this.wrong, this.model, this.mattered, this.more.element);
  }

  /** Show a run's model; of the same run that is shown nothing changes. */
  async open(name, isFresh = false) {
    if (name === this.name) return;
    this.close();
    this.name = name;
    this.told.textContent = `Opening ${name} …`;
    const asked = this.asked = ask("examples", { name });
    const found = await ask("model", { name, fresh: Number(isFresh) });
    const late = new Promise((done) => setTimeout(done, PATIENCE, {})); // a large set may take long to be read
    const examples = found.error ? {} : await Promise.race([asked, late]);
    if (this.name !== name) return;
    this.told.textContent = found.error ?? (found.reason ? `It does not run in the page itself (${found.reason}); it is asked below.` : "");
    if (found.error) this.name = null; // another time there may be one
    else this.more.of(name, found.paths, found.packed ? null : examples.samples ?? [], found.sees);
    if (!examples.samples && !found.error) asked.then((come) => come.samples?.length && this.asked === asked && this.name === name && (this.live ? this.live.pad.later(come.samples) : this.more.offer(come.samples)));
    if (!found.packed) return;
    this.mount(found, found.packed, examples.samples ?? [], found.step);
    this.wrong.replaceChildren(h("button", { type: "button", onclick: () => this.mistakes() }, "what it takes for something else"));
  }

  mount({ strip: markup, paths }, model, examples, step) {
    const element = h("div", { class: "strip", role: "navigation", "aria-label": "layers, from left to right" }, h("div", { class: "scroll" }, themed(drawn(markup))));
    this.model.append(h("h2", { class: "hidden" }, "the model at work"));
    this.live = mount(this.model, model, { samples: examples, strip: { element, paths } });
    this.step = step;
    this.showFilters();
  }

  /** Show what Learn has learnt in this page, and goes on to learn: {about, net, digits, seen, right, lastWrong}. */
  openLearnt(own) {
    if (this.net !== own.net) {
      this.close();
      this.name = LEARNT;
      this.net = own.net;
      this.mount(own.about, packed(own), samples(own), own.net.updates);
      this.matters = new Mattered(this.live, own.net);
      this.mattered.replaceChildren(this.matters.element);
      this.matters.later();
    }
    clearTimeout(this.timer);
    const { right } = own;
    const gets = right?.seen === own.seen ? "it gets" : `after ${count(right?.seen ?? 0)} of them it got`;
    this.told.textContent = own.seen
      ? `A network that this page has taught ${count(own.seen)} images${right ? `; ${gets} ${percent(right.share)} of 2,000 others right` : ""}. Draw a digit of your own.`
      : "This page has not taught it anything yet: its weights are drawn at random.";
    if (own.net.updates !== this.step && !this.live.model.isAnyChanged) {
      this.step = own.net.updates;
      this.live.renew(weights(own.net));
      this.matters.show();
      this.showFilters();
    }
    if (this.listed !== own.lastWrong) this.showLearntMistakes(own);
    this.timer = setTimeout(() => this.net === own.net && this.element.offsetParent && this.openLearnt(own), AGAIN);
  }

  showLearntMistakes(own) {
    if (this.wrong.contains(document.activeElement)) return;
    this.listed = own.lastWrong;
    const shown = own.lastWrong.slice(0, MISTAKES);
    this.wrong.replaceChildren(...(shown.length ? [note(`Of the 2,000 held-out digits, it took ${count(own.lastWrong.length)} for another when they were last measured. Press one to follow it through the layers.`),
      buttons(shown.map(([index, said]) => ({ image: picture(own.digits, index), words: `${own.digits.label(index)}, taken for ${said}` })), (image, words) => this.live.look(image, words))] : []));
  }

  /** Show nothing. */
  close() {
    this.name = this.live = this.net = null;
    this.more.of(null);
    this.listed = false;
    this.filters.hidden = true;
    for (const each of [this.told, this.wrong, this.model, this.mattered]) each.replaceChildren();
  }

  /** Take the weights of this moment from a run that trains. A kernel that was changed by hand stays until it is reset. */
  async renew() {
    const { name, live } = this;
    if (!live || this.isAsking || live.model.isAnyChanged) return;
    this.isAsking = true;
    try {
      const found = await ask("model", { name, fresh: 1 });
      if (this.live !== live || !found.packed || found.step === this.step || live.model.isAnyChanged) return;
      this.step = found.step;
      live.renew(found.packed.weights);
      this.showFilters();
    } finally {
      this.isAsking = false;
    }
  }

  showFilters() {
    const { model } = this.live;
    const first = model.steps.find(({ operation }) => operation.kernel);
    this.filters.hidden = !first;
    if (!first) return;
    const [rows, columns, channels] = first.operation.kernel;
    const [start, length] = first.node.weights.weight;
    this.filtersOf.textContent = `kernels of ${first.path}${this.step ? `, after step ${count(this.step)}` : ""}`;
    drawKernels(this.kernels, { weights: model.numbers.subarray(start, start + length), number: first.shape[2], rows, columns, channels });
  }

  /** Show the surest mistakes, each of which opens in the model; of one that trains those of before stay until they are
   * there, and while somebody is at one of them. */
  async mistakes() {
    const { name, live } = this;
    if (!this.listed) this.wrong.replaceChildren(note("It is asked about the images that it is measured on …"));
    this.listed = true;
    const found = await ask("mistakes", { name });
    if (this.live !== live || this.wrong.contains(document.activeElement)) return;
    if (found.error || found.reason) return this.wrong.replaceChildren(note(found.error ?? `There are none to see: ${found.reason}.`));
    const of = found.asked < found.images ? `${count(found.asked)} of the ${count(found.images)} ${found.part} images, evenly` : `the ${count(found.images)} ${found.part} images`;
    const shown = found.mistakes.length < found.wrong ? `the ${found.mistakes.length} surest are shown` : "the surest first";
    this.wrong.replaceChildren(note(found.wrong ? `Of ${of}, it takes ${count(found.wrong)} for something else; ${shown}. Press one to follow it through the layers.` : `Of ${of}, it takes none for something else.`),
      buttons(found.mistakes.map((each) => ({ image: h("img", { src: each.picture, alt: "" }), words: `${each.is}, taken for ${each.said} (${percent(each.share, 1)})` })),
        (image, words) => image.decode().then(() => live.look(image, words))));
  }
}

const note = (words) => h("p", { class: "note", role: "status" }, words);

/** Pictures with words, each of which opens in the model. */
function buttons(shown, act) {
  return h("div", { class: "mistakes" }, shown.map(({ image, words }) => h("button", { type: "button", onclick: () => act(image, words) }, image, h("span", {}, words))));
}

function themed(svg) {
  svg.classList.replace("hubel-auto", `hubel-${document.documentElement.dataset.theme}`);
  return svg;
}
