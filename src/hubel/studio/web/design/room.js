// The design room: a network as text, and all that follows from it at each keystroke.

import { h, held } from "hubel/view/dom";
import { address, addressed } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { Diagram } from "hubel/studio/design/diagram";
import { takesNetworks } from "hubel/studio/design/dropped";
import { Editor } from "hubel/studio/design/editor";
import { History } from "hubel/studio/design/history";
import { LayerPane } from "hubel/studio/design/layer";
import { CodePane, ComparePane, MemoryPane, adviceList, totals, zooDialog } from "hubel/studio/design/panes";
import { Rows, changes, paired } from "hubel/studio/design/rows";
import { Tabs } from "hubel/studio/design/tabs";
import { saved } from "hubel/studio/saved";
import { Usable } from "hubel/studio/usable";

const LATER = 120; // ms after which what is not seen at once is asked for

/** The room's row in the registry. */
export const design = { name: "design", title: "Design", server: false, open: (place) => new Design(place) };

class Design {
  constructor(place) {
    this.usable = new Usable(place);
    const known = held("known");
    const first = held("first");
    const said = addressed();
    this.text = said.net || first.text;
    this.other = said.with || "";
    this.closed = new Set((said.closed || "").split(" ").filter(Boolean));
    this.chosen = said.layer || "";
    this.history = new History(this.text, this.other);
    this.names = new Map(); // of the zoo's networks, by their texts
    this.answer = null; // the last network that worked out
    this.editor = new Editor(known, {
      typed: (text, name) => this.change(text, true, name),
      caret: (at) => this.fromCaret(at),
      undo: (way) => this.step(way),
    });
    this.wrong = h("div", { id: "wrong", class: "wrong-box", role: "status" });
    this.diagram = new Diagram("the network", {
      choose: (rows) => this.choose(this.answer.rows[rows[0]]?.path, rows).then(() => this.pane.reveal(this.diagram.chosen)), part: (part) => this.toggle(part),
      inside: (path) => {
        this.closed.clear();
        this.follow().then(() => this.choose(path, null));
      },
    });
    this.beside = new Diagram("the network kept");
    this.pane = new LayerPane((how, setting, value) => this.alter(how, setting, value));
    this.rows = new Rows((row) => this.choose(this.answer.rows[row].path, null));
    this.totals = h("dl", { class: "totals" });
    this.advice = h("div", { class: "advised" });
    this.code = new CodePane(() => this.answer?.text ?? "", known.frameworks);
    this.memory = new MemoryPane(() => this.answer?.text ?? "");
    this.compare = new ComparePane(() => this.answer?.text ?? "", () => this.other, () => this.keep(this.answer.text));
    this.tabs = new Tabs("about the network", [
      { name: "layers", title: "Layers", element: this.rows.element },
      { name: "advice", title: "Advice", element: this.advice },
      { name: "memory", title: "Memory", element: this.memory.element, shown: () => this.memory.shown() },
      { name: "code", title: "Code", element: this.code.element, shown: () => this.code.shown() },
      { name: "compare", title: "Compare", element: this.compare.element, shown: () => this.compare.shown() },
    ], (name) => this.tab(name));
    this.build(place, known);
    this.editor.set(this.text);
    if (this.text === first.text && !this.closed.size) this.show({ ...first, first: true }, this.text);
    this.tabs.choose(said.tab);
    if (this.other) this.showKept();
    this.follow();
  }

  build(place, known) {
    const zoo = zooDialog(known.zoo, (name) => this.take(name));
    const button = (words, name, act) => h("button", { type: "button", "aria-label": name, title: name, onclick: act }, words);
    this.back = button("↶ undo", "undo (Ctrl+Z)", () => this.step(-1));
    this.on = button("↷ redo", "redo (Ctrl+Y)", () => this.step(1));
    this.style = h("select", { "aria-label": "kind of drawing" }, ["auto", "volumes", "blocks"].map((each) => h("option", { selected: addressed().style === each }, each)));
    this.style.addEventListener("change", () => {
      address({ style: this.styled });
      this.follow();
    });
    this.folds = button("close blocks", "close blocks, all there are", () => this.fold());
    this.folds.hidden = true;
    this.diagram.tools.append(this.style, this.folds, button("save", "save the drawing as an SVG file", () => this.save()));
    this.kept = h("div", { class: "kept", hidden: true },
      h("p", {}, h("b", {}, "kept"), " ", this.keptTitle = h("code"), " ",
        button("swap", "swap: work on the kept one, and keep this one", () => this.swap()), " ", button("leave", "leave the kept one", () => this.keep(""))),
      this.beside.element);
    place.append(
      h("h1", { class: "hidden" }, "Design a network"), this.usable.element,
      h("div", { class: "bar" }, button("zoo …", "start from a network of the zoo", zoo.show), this.back, this.on,
        button("compare", "keep this one to compare with", () => { this.keep(this.answer?.text ?? ""); this.tab("compare"); })),
      this.editor.element, this.wrong, this.totals,
      h("div", { class: "bench" }, h("div", { class: "drawings" }, this.diagram.element, this.kept), this.pane.element),
      this.tabs.element, zoo.element,
    );
    this.place = place;
    takesNetworks(place, (text) => this.change(text, false), (words) => this.wrong.replaceChildren(h("p", {}, words)));
    addEventListener("resize", () => { clearTimeout(this.sizing); this.sizing = setTimeout(() => this.follow(), 200); });
    place.addEventListener("keydown", (event) => {
      const types = event.target.tagName === "INPUT" && !this.pane.element.contains(event.target);
      if (event.target === this.editor.area || types || !(event.ctrlKey || event.metaKey)) return;
      const way = { z: event.shiftKey ? 1 : -1, y: 1 }[event.key.toLowerCase()];
      if (way) {
        event.preventDefault();
        this.step(way);
      }
    });
    document.addEventListener("asking", ({ detail }) => detail.state === "ready" && this.follow()); // as wide as this page
    document.addEventListener("themechange", ({ detail }) => {
      for (const diagram of [this.diagram, this.beside]) diagram.svg?.classList.add(`hubel-${detail}`);
    });
  }

  /** Called when the room comes into sight, or somebody changes the address. */
  shown(values) {
    if (this.answer && !["net", "with", "closed", "tab", "layer", "style"].some((name) => name in values)) {
      address(this.said); // a link that names the room alone
      return;
    }
    const { usable } = this;
    usable.begin(values);
    const before = JSON.stringify(this.said);
    this.closed = new Set((values.closed ?? "").split(" ").filter(Boolean));
    this.style.value = usable.oneOf("style", [...this.style.options].map(({ value }) => value), "auto");
    const tab = usable.oneOf("tab", this.tabs.panes.map(({ name }) => name), "layers");
    if (tab !== this.tabs.current.name) this.tabs.choose(tab);
    if ((values.with ?? "") !== this.named(this.other)) {
      this.other = values.with ?? "";
      this.showKept();
    }
    this.wanted = values.layer ? values : null; // looked for when the network is there
    if (values.net && values.net !== this.named(this.text)) this.change(values.net, false);
    else this.history.take(this.text, this.other, false);
    if (JSON.stringify(this.said) !== before) this.follow();
    if (this.wanted && this.answer?.text === this.text) this.find();
  }

  /** The kind of drawing that is asked for, empty where hubel chooses. */
  get styled() {
    return this.style.value === "auto" ? "" : this.style.value;
  }

  /** A network's name in the zoo, else its text. */
  named(text) {
    return this.names.get(text) ?? text;
  }

  /** What the address says of this room. */
  get said() {
    const tab = this.tabs.current.name;
    return {
      net: this.named(this.place.classList.contains("stale") ? this.text : (this.answer?.text ?? this.text)), with: this.named(this.other), closed: [...this.closed].join(" "), layer: this.chosen ?? "",
      tab: tab === "layers" ? "" : tab, style: this.styled,
    };
  }

  /** Choose the layer that the address names. */
  find() {
    const { layer } = this.wanted;
    this.wanted = null;
    if (this.answer.rows.some((row) => row.path === layer)) {
      if (layer !== this.chosen) this.choose(layer, null, false);
    } else {
      this.usable.replace("layer", `a layer of this network, such as ${this.answer.rows[0]?.path}`, "none is chosen");
    }
  }

  /** Take another text; typed: by a keyboard, whose letters are one step together. */
  change(text, typed, name = null) {
    this.line = {};
    this.put(text, typed, name);
    if (name) this.take(name, true);
  }

  put(text, typed, name = null) {
    this.text = text;
    if (!typed) this.editor.set(text);
    this.history.take(text, this.other, typed && !name);
    this.follow();
  }

  /** Go back (-1) or on (1) by one step. */
  step(way) {
    const found = this.history.step(way);
    if (!found) return;
    const isKept = found.other === this.other;
    this.line = {};
    Object.assign(this, { text: found.text, other: found.other });
    this.editor.set(found.text);
    if (isKept) this.follow();
    else this.showKept();
  }

  /** Take a network of the zoo; isWritten: its name is the text so far. */
  async take(name, isWritten = false) {
    const { line } = this;
    const found = await ask("network", { name });
    if (!found.text || line !== this.line) return;
    this.names.set(found.text, name);
    if (isWritten) this.history.rewrite(found.text);
    this.change(found.text, false);
  }

  /** Ask about the text as it is now; where one is being answered, the newest comes next. */
  async follow() {
    clearTimeout(this.later); // what was to be asked of the network before
    this.again = true;
    address({ net: this.named(this.text) }); // before the answer, for whoever loads the page again
    this.back.disabled = !this.history.canStep(-1);
    this.on.disabled = !this.history.canStep(1);
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.again) {
        this.again = false;
        const text = this.text;
        const values = { text: this.named(text), width: this.diagram.width, style: this.styled, closed: [...this.closed] };
        this.show(await ask("design", values), text);
      }
    } finally {
      this.busy = false;
      this.later = setTimeout(() => this.answer && this.showLater(this.answer), LATER);
    }
  }

  /** Show what came of a text. */
  show(answer, text) {
    if (answer.wrong) {
      if (text === this.text) this.showWrong(answer.wrong, text);
      return;
    }
    this.wrong.replaceChildren(...(answer.order ? [h("p", { class: "note" }, `${answer.order.told} `,
      h("button", { type: "button", onclick: () => this.change(answer.order.text, false) }, "channels last"))] : []));
    this.place.classList.remove("stale");
    if (answer.name) this.names.set(answer.text, answer.name);
    const before = this.answer?.text === answer.text ? null : this.answer;
    this.answer = answer;
    if (answer.text !== text && text === this.text && document.activeElement !== this.editor.area) {
      this.text = answer.text; // a name of the zoo, which nobody is typing
      this.editor.set(this.text);
      this.history.rewrite(this.text);
    }
    this.written = answer.text === this.text; // places are those of this text
    address({ net: this.named(answer.text), closed: [...this.closed].join(" ") });
    const was = before && !answer.first ? paired(before.rows, answer.rows) : null;
    this.diagram.show(answer.drawing, answer.rows);
    if (was) this.diagram.flash(changes(was, answer.rows));
    this.rows.show(answer.rows, was, answer.more);
    this.totals.replaceChildren(...totals(this.answer, was && before));
    this.folds.hidden = !this.diagram.layers.some((layer) => layer.dataset.part);
    this.folds.textContent = this.closed.size ? "open blocks" : "close blocks";
    for (const name of ["aria-label", "title"]) this.folds.setAttribute(name, `${this.folds.textContent}, all there are`);
    this.keepChoice();
    if (this.wanted && this.written) this.find();
    document.dispatchEvent(new CustomEvent("designed", { detail: text }));
  }

  showWrong(wrong, text) {
    this.place.classList.add("stale");
    address({ net: text });
    const start = wrong.start;
    const end = wrong.end ?? (start === null ? null : Math.max(start + 1, start + /^\w*/.exec(text.slice(start))[0].length));
    this.editor.mark(start === null ? [] : [{ start, end, kind: "wrong" }]);
    const where = start === null ? "" : `column ${start + 1}: `;
    this.wrong.replaceChildren(
      h("p", {}, where, wrong.told),
      wrong.rule ? h("p", { class: "note" }, `rule: ${wrong.rule}   here: ${wrong.values}`) : "",
      wrong.fits.length ? h("p", { class: "fits" }, "what would fit: ", wrong.fits.flatMap(({ words, text: fitting }) =>
        [fitting ? h("button", { type: "button", onclick: () => this.change(fitting, false) }, words) : h("span", {}, words), " "])) : "");
  }

  async showLater(answer) {
    if (this.explained === answer) return;
    if (this.tabs.current.name !== "layers") this.tabs.current.shown?.();
    const found = await ask("figures", { text: answer.text });
    if (this.answer !== answer || found.error) return;
    this.explained = answer;
    this.rows.explain(found.formulas);
    this.advice.replaceChildren(...adviceList(found.advice, found.notes, { change: (text) => this.change(text, false), choose: (path) => this.choose(path, null) }));
    const points = found.advice.length + found.notes.length;
    this.tabs.panes[1].tab.textContent = points ? `Advice (${points})` : "Advice";
  }

  /** Open a pane, and say so in the address. */
  tab(name) {
    address({ tab: name === "layers" ? "" : name });
    this.tabs.choose(name);
  }

  /** Choose a layer by its path; rows: those that the drawing shows as one. */
  async choose(path, rows, reveal = true) {
    if (!path || !this.answer) return;
    this.chosen = path;
    address({ layer: path });
    this.mark(reveal);
    const { text } = this.answer;
    const found = await ask("layer", { text, path });
    if (this.chosen !== path || this.answer.text !== text) return;
    if (found.error) return this.pane.empty();
    this.pane.show(found, this.alike(path).length);
  }

  /** The rows whose words stand at the same place of the text. */
  alike(path) {
    const place = this.answer.rows.find((row) => row.path === path)?.place;
    if (!place) return [];
    return this.answer.rows.flatMap((row, at) => (row.place && row.place[0] === place[0] && row.place[1] === place[1] ? [at] : []));
  }

  /** Mark the chosen layer everywhere. */
  mark(reveal) {
    const at = this.answer.rows.findIndex((row) => row.path === this.chosen);
    const row = this.answer.rows[at];
    this.diagram.choose(at < 0 ? [] : [at], reveal);
    this.rows.mark(at < 0 ? [] : [at]);
    this.editor.mark(row?.place && this.written ? [{ start: row.place[0], end: row.place[1], kind: "chosen" }] : []);
  }

  /** Keep the chosen layer chosen in a network that has changed. */
  keepChoice() {
    const still = this.answer.rows.some((row) => row.path === this.chosen);
    this.mark(false);
    if (!still) this.pane.empty();
    else this.choose(this.chosen, null, false);
  }

  /** The caret was put somewhere: choose the layer whose words are there. */
  fromCaret(at) {
    if (!this.answer || !this.written || this.answer.text !== this.text) return;
    const found = this.answer.rows.filter((row) => row.place && row.place[0] <= at && at <= row.place[1]);
    const row = found.sort((a, b) => a.place[1] - a.place[0] - (b.place[1] - b.place[0]))[0];
    if (row && row.path !== this.chosen) this.choose(row.path, null);
  }

  /** Change the chosen layer; changes wait for each other, and are dropped where another text has come meanwhile. */
  alter(how, setting, value) {
    const { chosen: path, line } = this;
    this.work = (this.work ?? Promise.resolve()).then(async () => {
      if (line !== this.line) return;
      const found = await ask("change", { text: this.text, path, how, setting, value });
      if (line !== this.line) return;
      if (found.error) return this.wrong.replaceChildren(h("p", {}, found.error));
      this.put(found.text, false);
      if (found.value) this.pane.stepped(setting, found.value);
    });
  }

  /** Open or close a part. */
  toggle(part) {
    if (!this.closed.delete(part)) this.closed.add(part);
    this.follow();
  }

  fold() {
    const parts = this.diagram.layers.map((layer) => layer.dataset.part).filter(Boolean);
    if (this.closed.size) this.closed.clear();
    else for (const part of parts) if (!parts.some((other) => part.startsWith(`${other}.`))) this.closed.add(part);
    this.follow();
  }

  /** Save the drawing, as it is closed and opened, as a file. */
  async save() {
    const { title, text } = this.answer;
    const found = await ask("picture", { text, style: this.styled, closed: [...this.closed] });
    if (found.svg) saved(`${title.replace(/[^A-Za-z0-9]+/g, "_")}.svg`, "image/svg+xml", found.svg);
  }

  /** Keep a network to compare with; none by an empty text. */
  keep(text) {
    this.other = text;
    this.history.take(this.text, text, false);
    this.showKept();
  }

  /** Show the network that is kept beside. */
  async showKept() {
    const text = this.other;
    address({ with: this.named(text) });
    this.kept.hidden = !text;
    this.place.classList.toggle("two", Boolean(text));
    if (this.tabs.current?.name === "compare") this.compare.shown();
    if (text) {
      const found = await ask("design", { text: this.named(text), width: this.beside.width, style: this.styled });
      if (found.wrong || this.other !== text) return;
      if (found.name) this.names.set(found.text, found.name);
      this.keptTitle.textContent = found.title;
      this.beside.show(found.drawing, found.rows);
    }
    this.follow();
  }

  swap() {
    const [text, other] = [this.text, this.other];
    this.line = {};
    this.other = text;
    this.put(other, false);
    this.showKept();
  }
}
