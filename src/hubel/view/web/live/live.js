// The model itself, running in the page: draw, and watch every layer; choose a number, and see what made it.

import { h } from "hubel/view/dom";
import { load } from "hubel/view/engine/model";
import { Bars, likeliest } from "hubel/view/live/bars";
import { inBlocks, opened } from "hubel/view/live/blocks";
import { tables } from "hubel/view/live/colours";
import { makeEar } from "hubel/view/live/ear";
import { isEditable, kernelEditor } from "hubel/view/live/kernel";
import { isPositive, LayerView } from "hubel/view/live/maps";
import { makePad } from "hubel/view/live/pad";
import { barred, reveal } from "hubel/view/live/sheet";
import { Strip } from "hubel/view/live/strip";
import { explained, unitText, UnitDock } from "hubel/view/live/unit";
import { Units } from "hubel/view/live/units";
import { shown } from "hubel/view/numbers";

/**
 * Put the running model into an element. `options.samples`: [{name, picture (data URI), label}]; `strip`: {element, paths},
 * a drawing of the network whose boxes name rows, and the rows' paths.
 */
export function mount(element, packed, options = {}) {
  return new Live(element, packed, options);
}

class Live {
  constructor(element, packed, { samples = [], strip = null }) {
    this.model = load(packed);
    this.tables = tables(packed);
    this.units = new Units(this.model);
    this.chosen = null; // {view, at, pinned}
    this.isDockWanted = true; // once closed, pointing alone does not open it again
    this.frames = 0;
    this.status = h("p", { class: "hidden", role: "status" });
    this.note = h("p", { class: "note", hidden: true });
    this.hears = packed.preprocessing.fit === "time";
    const make = this.hears ? makeEar : makePad;
    this.pad = make(packed, samples, (what, why) => this.inputChanged(what, why));
    this.bars = new Bars(this.model.classes);
    this.views = this.makeViews();
    this.dock = new UnitDock(this.tables, {
      moved: (by) => this.nextPlace(by),
      followed: (term) => this.follow(term),
      stepped: () => this.mark(),
      resized: () => this.chosen && this.keepOff(this.chosen.view, this.chosen.at, true),
      closed: (hadFocus) => this.unchoose(hadFocus),
    });
    this.layers = h(
      "div",
      { class: "layers" },
      strip ? [strip.element] : [],
      inBlocks([...this.views.values()]).flat(),
      this.dock.element,
    );
    if (strip) this.strip = new Strip(strip.element, strip.paths, (path) => this.shownPath(path) !== null, (path) => this.go(path));
    const where = packed.preprocessing.ink ? "" : " over the picture";
    const drawn = `Draw with mouse, finger or keys${where}; or drop, paste or choose an image.`;
    const hint = this.hears ? "Choose, drop or paste a WAV file, or a sample." : drawn;
    this.side = h(
      "div",
      { class: "side" },
      this.pad.element,
      h("p", { class: "note" }, hint),
      this.note,
      this.bars.element,
    );
    this.element = h("div", { class: "live" }, this.side, this.layers, this.status);
    element.append(this.element);
    this.listen();
    this.layout();
    this.recompute();
    this.pad.first();
  }

  makeViews() {
    const found = new Map();
    const positive = new Map();
    const events = {
      hover: (view, at) => this.choose(view, at, false),
      choose: (view, at) => this.choose(view, at, true),
      leave: () => this.chosen && !this.chosen.pinned && !this.dock.player.isRunning && this.hoverEnded(),
      focus: (view) => this.isReturning || this.move(view, [0, 0, 0]),
      move: (view, by) => this.move(view, by),
      enter: (view) => this.move(view, [0, 0, 0]) && this.dock.isOpen && this.dock.element.focus(),
      redraw: (view) => this.draw(view),
    };
    const input = { path: null, shape: this.model.picture, node: null };
    found.set(null, new LayerView(input, this.tables, false, events));
    for (const step of this.model.steps) {
      positive.set(step.path, isPositive(step, positive));
      if (step.operation.isIdentity) continue;
      const view = new LayerView(step, this.tables, positive.get(step.path), events);
      if (isEditable(step)) {
        const changed = (words) => {
          this.update();
          this.say(words);
        };
        const current = () => (this.chosen && this.chosen.view === view ? this.chosen.at[2] : null);
        view.editor = kernelEditor(this.model, step, this.model.packed.kernels, changed, current);
        view.element.append(view.editor.element);
      }
      found.set(step.path, view);
    }
    return found;
  }

  listen() {
    const { element } = this;
    this.observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          const view = [...this.views.values()].find((one) => one.element === entry.target);
          view.isVisible = entry.isIntersecting;
          if (view.isVisible && view.isStale) this.draw(view);
        }
        this.showHere();
      },
      { rootMargin: "200px" },
    );
    for (const view of this.views.values()) this.observer.observe(view.element);
    new ResizeObserver(() => this.layout()).observe(this.layers);
    element.addEventListener("dragover", (event) => event.preventDefault());
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      this.pad.open(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const file = [...event.clipboardData.files].find((one) => this.hears || one.type.startsWith("image/"));
      if (file) this.pad.open(file);
    });
    document.addEventListener("themechange", () => this.refresh());
  }

  /** Lead to a layer: open its block, and bring it into sight. */
  go(path) {
    const view = this.views.get(this.shownPath(path));
    opened(view.element);
    view.element.scrollIntoView({ block: "start" });
    this.move(view, [0, 0, 0]);
    view.holder.focus({ preventScroll: true });
  }

  // the strip shows the layer that is looked at, else the first that is in sight
  showHere() {
    const seen = [...this.views.values()].find((view) => !view.isInput && view.isVisible);
    const view = this.chosen && !this.chosen.view.isInput && this.chosen.view.isVisible ? this.chosen.view : seen;
    if (this.strip && view) this.strip.show(view.step.path);
  }

  layout() {
    const width = Math.floor(this.layers.clientWidth);
    if (!width || width === this.width) return;
    this.width = width;
    this.layers.style.setProperty("--above", `${document.querySelector("nav")?.offsetHeight ?? 0}px`);
    this.layers.style.setProperty("--barred", `${barred() + 8}px`);
    for (const view of this.views.values()) view.layout(width);
    this.refresh();
  }

  // draw again at once, or when it comes into sight
  refresh() {
    for (const view of this.views.values()) {
      view.isStale = true;
      if (view.isVisible) this.draw(view);
    }
    this.mark();
    if (this.dock.isOpen) this.dock.draw();
  }

  // what stands in a hidden part of the page has no size yet: it is laid out, and drawn, when that is shown
  draw(view) {
    if (!this.picture || !view.size) return;
    view.isStale = false;
    view.draw(view.isInput ? this.picture : null);
  }

  inputChanged(what, why) {
    this.note.hidden = what !== "refused";
    if (what === "refused") {
      this.note.textContent = `Expected ${this.hears ? "a WAV file" : "an image"}: ${why}.`;
      this.say(this.note.textContent);
      return;
    }
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.recompute();
    });
  }

  /** Put a picture (an image, a canvas) on the pad, say what it is, and show how the answer was made. */
  look(picture, words) {
    this.pad.show(picture);
    this.recompute();
    this.note.textContent = words;
    this.note.hidden = false;
    const path = this.shownPath(this.model.result.path);
    this.choose(this.views.get(path), [0, 0, likeliest(this.model.probabilities)], true);
  }

  /** Prepare what is on the pad, run the model, and draw what changed. */
  recompute() {
    const { picture, input } = this.model.prepare(this.pad.pixels());
    this.picture = picture;
    this.model.run(input);
    this.update();
    this.frames += 1;
  }

  /** Go on with other weights (as packed), and show what they make of the same input. */
  renew(weights) {
    this.model.take(weights);
    for (const { editor } of this.views.values()) if (editor) editor.read();
    this.recompute();
  }

  update() {
    this.refresh();
    this.sayLater(this.bars.draw(this.model.probabilities));
    if (this.chosen && this.dock.isOpen) this.showUnit(true);
  }

  // ---- choosing a unit

  choose(view, at, pinned) {
    if (!pinned && this.chosen && (this.chosen.pinned || this.dock.player.isRunning)) return;
    if (pinned && this.dock.player.isRunning) this.dock.pause();
    const isSame = this.chosen && this.chosen.view === view && String(this.chosen.at) === String(at);
    if (isSame && (this.chosen.pinned || !pinned)) return;
    this.chosen = { view, at, pinned };
    this.isDockWanted ||= pinned;
    if (pinned && view.editor && view.editor.element.open) view.editor.choose(at[2]);
    this.showUnit(false);
    this.keepOff(view, at, pinned);
  }

  // the dock may not lie over what it explains; where there is no room, it goes
  keepOff(view, at, pinned) {
    if (!reveal(this.dock.element, view.boxOf(at, pinned), pinned)) this.dock.element.hidden = true;
  }

  showUnit(keep) {
    const { view, at } = this.chosen;
    opened(view.element);
    this.showHere();
    const input = this.views.get(null);
    if (input.isStale) this.draw(input);
    const found = view.isInput ? this.units.pixel(at, this.picture) : this.units.number(view.step, at);
    this.unit = { ...found, input, nameOf: (one) => this.shownPath(one.path) ?? "input" };
    const source = this.views.get(this.unit.terms.length ? this.unit.terms[0].source : null);
    if (this.isDockWanted) this.dock.show(this.unit, this.limitsOf(source), keep);
    this.mark();
  }

  // the layer that a path's numbers are seen at: what passes them on has no maps of its own
  shownPath(path) {
    while (path !== null && !this.views.has(path)) path = this.model.byPath.get(path).sources[0].path;
    return path;
  }

  limitsOf(view) {
    if (view && !view.isInput) return { table: view.table, low: view.range[0], high: view.range[1] };
    const most = this.model.given.data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    return { table: this.tables.signed, low: -most, high: most };
  }

  hoverEnded() {
    // the dock stays, so that the page does not jump; its marks go
    this.chosen = { ...this.chosen, left: true };
    this.mark();
  }

  unchoose(hadFocus) {
    const view = this.chosen && this.chosen.view;
    this.chosen = this.unit = null;
    this.isDockWanted = false;
    this.mark();
    if (!view || !hadFocus) return;
    this.isReturning = true; // focus alone is no wish to look again
    view.holder.focus();
    this.isReturning = false;
  }

  mark() {
    const { chosen } = this;
    const isOn = chosen && !chosen.left;
    const term = isOn && this.unit ? this.dock.term : null;
    for (const view of this.views.values()) {
      if (!view.size) continue;
      if (isOn && view === chosen.view)
        view.mark(null, { unit: chosen.at, veil: this.dock.isStepping && !view.vector });
      else if (isOn && this.unit && this.unit.windows.has(view.step.path)) {
        const isHere = term && term.source === view.step.path && !term.padded;
        const point = isHere ? (view.isInput ? this.model.pixel(term.from) : term.from) : null;
        view.mark(this.unit.windows.get(view.step.path), { point });
      } else view.mark(null);
    }
  }

  move(view, by) {
    const isHere = this.chosen && this.chosen.view === view;
    const at = isHere ? this.chosen.at : [view.rows >> 1, view.columns >> 1, 0];
    const [rows, columns] = [view.rows - 1, view.columns - 1];
    const next = [
      between(at[0] + by[0], rows),
      between(at[1] + by[1], columns),
      between(at[2] + by[2], view.shownMaps - 1),
    ];
    this.choose(view, next, true);
    this.sayUnit(view, next);
    return true;
  }

  /** Go to the next place of the same map (of a vector: the next number); false at its end. */
  nextPlace(by) {
    const { view, at } = this.chosen;
    const { rows, columns, channels } = view;
    const place = view.vector ? at[2] + by : at[0] * columns + at[1] + by;
    if (place >= (view.vector ? channels : rows * columns)) return false;
    const next = view.vector ? [0, 0, place] : [Math.floor(place / columns), place % columns, at[2]];
    this.chosen = { view, at: next, pinned: true };
    this.showUnit(false);
    this.keepOff(view, next, true);
    const isRunning = this.dock.player.isRunning;
    if (!isRunning || place % (view.vector ? 10 : columns) === 0) this.sayUnit(view, next); // while it runs, a row at a time
    return true;
  }

  /** Go to the number that a term was read from. */
  follow({ source, from }) {
    const path = this.shownPath(source);
    if (path === null) return;
    const view = this.views.get(path);
    this.dock.pause();
    this.chosen = { view, at: from, pinned: true };
    this.showUnit(false);
    this.sayUnit(view, from);
    this.keepOff(view, from, true);
  }

  sayUnit(view, at) {
    if (view.isInput) return this.say(`input, ${unitText(this.unit)}: ${this.unit.said}`);
    const seen = this.unit.windows.get(null);
    const sees = seen ? ` Sees rows ${seen.rows.join(" to ")}, columns ${seen.columns.join(" to ")} of the input.` : "";
    return this.say(`${view.step.path}, ${unitText(this.unit)}: ${shown(this.unit.value)}. ${explained(this.unit)}${sees}`);
  }

  say(words) {
    clearTimeout(this.later);
    this.later = setTimeout(() => (this.status.textContent = words), 150);
  }

  // what changes many times a second is told when it has come to rest
  sayLater(words) {
    if (words === this.saidLast) return;
    this.saidLast = words;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => (this.status.textContent = words), 900);
  }
}

const between = (value, last) => Math.min(last, Math.max(0, value));
