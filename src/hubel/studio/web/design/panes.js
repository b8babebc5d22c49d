// What is told of a network beside its layers: advice, memory, its program, and another network beside it.

import { count, h } from "hubel/view/dom";
import { ask } from "hubel/studio/asking";
import { difference } from "hubel/studio/design/rows";
import { saved } from "hubel/studio/saved";

const UNITS = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]];

/** Bytes in words, as hubel explain writes them: 247 kB. */
export function kilobytes(number) {
  const [unit, size] = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]].find(([, each]) => number >= each) ?? ["bytes", 1];
  return `${Number((number / size).toPrecision(size === 1 ? 4 : 3))} ${unit}`;
}

const TOTALS = [
  ["parameters", "parameters", count], ["macs", "MACs", count], ["weights_bytes", "weights", kilobytes],
  ["kept_bytes", "kept for backward, an image", kilobytes], ["field", "receptive field", String], ["layers", "layers", count],
];

/** The figures of a whole network, with the difference to the one before. */
export function totals(answer, before) {
  return [
    h("div", {}, h("dt", {}, "shape"), h("dd", {}, `${answer.input} → ${answer.output}`)),
    ...TOTALS.map(([name, title, words]) => {
      const [now, was] = [answer.totals[name], before?.totals[name]];
      const change = typeof now === "number" && was !== undefined && (words === count ? difference(was, now) : now === was ? "" : `${now > was ? "+" : "−"}${kilobytes(Math.abs(now - was))}`);
      return h("div", {}, h("dt", {}, title), h("dd", {}, words(now), change ? h("small", { class: "difference" }, ` ${change}`) : ""));
    }),
  ];
}

/** Bytes in words, as memory is counted: 246 KiB. */
export function bytes(number) {
  const [unit, size] = UNITS.find(([, each]) => number >= each) ?? ["bytes", 1];
  const value = number / size;
  return `${value >= 100 || size === 1 ? Math.round(value) : value.toPrecision(3)} ${unit}`;
}

/** What an expert would point at. on: {change(text), choose(path)}. */
export function adviceList(advice, notes, on) {
  const items = advice.map((each) =>
    h("li", {},
      h("b", {}, each.rule), ` ${each.finding}. `, h("span", { class: "remedy" }, each.remedy), " ",
      each.changed ? h("button", { type: "button", onclick: () => on.change(each.changed) }, "do it") : "", " ",
      each.layers.length ? h("button", { type: "button", onclick: () => on.choose(each.layers[0]) }, `show ${each.layers[0]}`) : ""));
  return [
    items.length ? h("ul", { class: "advice" }, items) : h("p", {}, "There is nothing to point at."),
    notes.length ? h("ul", { class: "notes" }, notes.map((note) => h("li", {}, note))) : "",
  ];
}

/** What training takes in memory, for so many images at once. */
export class MemoryPane {
  constructor(text) {
    this.text = text;
    this.batch = h("input", { type: "number", min: 1, max: 65536, value: 32, "aria-label": "images at once" });
    this.place = h("div", { role: "status" });
    this.element = h("div", {}, h("p", {}, h("label", {}, "images at once ", this.batch)), this.place);
    this.batch.addEventListener("change", () => this.shown());
  }

  async shown() {
    const text = this.text();
    const batch = Math.min(65536, Math.max(1, Math.round(Number(this.batch.value) || 32)));
    const found = await ask("memory", { text, batch });
    if (text !== this.text()) return;
    if (found.error) return this.place.replaceChildren(h("p", {}, found.error));
    const most = Math.max(...found.parts.map(([, value]) => value));
    const bars = found.parts.map(([name, value]) =>
      h("div", { class: "probability" }, h("span", { class: "name" }, name),
        h("span", { class: "track" }, h("span", { class: "fill", style: `width:${(100 * value) / most}%` })), h("span", { class: "share" }, bytes(value))));
    this.place.replaceChildren(
      h("p", {}, "A step of training with momentum takes ", h("b", {}, bytes(found.training)), ` at its most (${found.at}); prediction `, h("b", {}, bytes(found.prediction)), "."),
      h("div", { class: "bars" }, bars),
      h("p", {}, found.most ? `8 GiB hold ${count(found.most)} ${found.most === 1 ? "image" : "images"} at once in training.` : "8 GiB do not hold a single image in training."),
      h("p", { class: "note" }, "32-bit numbers that PyTorch allocates; what its runtime and its libraries take is not counted."));
  }
}

/** The network as a program. */
export class CodePane {
  constructor(text, frameworks) {
    this.text = text;
    const titles = { pytorch: "PyTorch", keras: "Keras", jax: "JAX (Flax)" };
    this.choose = h("select", { "aria-label": "framework" }, frameworks.map((name) => h("option", { value: name }, titles[name] ?? name)));
    this.copy = h("button", { type: "button", onclick: () => this.copied() }, "copy");
    this.program = h("pre", { tabindex: 0, "aria-label": "the program" });
    const save = h("button", { type: "button", onclick: () => saved(`network_${this.choose.value}.py`, "text/x-python", this.program.textContent) }, "save as a file");
    this.element = h("div", { class: "code" }, h("p", { class: "tools" }, this.choose, this.copy, save), this.program);
    this.choose.addEventListener("change", () => this.shown());
  }

  async shown() {
    const text = this.text();
    const found = await ask("code", { text, framework: this.choose.value });
    if (text === this.text()) this.program.textContent = found.program ?? found.error;
  }

  async copied() {
    try {
      await navigator.clipboard.writeText(this.program.textContent);
      this.copy.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(this.program);
      this.copy.textContent = "selected: copy it with the keyboard";
    }
    setTimeout(() => { this.copy.textContent = "copy"; }, 2000);
  }
}

/** Two networks' figures side by side. */
export class ComparePane {
  constructor(text, other, keep) {
    this.text = text;
    this.other = other;
    this.place = h("div", { role: "status" });
    this.element = h("div", {}, h("p", {}, h("button", { type: "button", onclick: keep }, "keep this one to compare with")), this.place);
  }

  async shown() {
    const [text, other] = [this.text(), this.other()];
    if (!other) {
      this.place.replaceChildren(h("p", { class: "note" }, "Keep the network as it is now, change it, and both stand side by side, with every figure, the difference and the ratio."));
      return;
    }
    const found = await ask("compare", { text, other });
    if (text !== this.text() || other !== this.other()) return;
    if (found.error) return this.place.replaceChildren(h("p", {}, found.error));
    const head = ["figure", "A: this one", "B: the one kept", "A − B", "A / B"].map((title, column) => h("th", { scope: "col", class: column ? "number" : "" }, title));
    const body = found.rows.map(([name, ...cells]) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((cell) => h("td", { class: "number" }, cell))));
    this.place.replaceChildren(
      h("div", { class: "rows", tabindex: 0, role: "group", "aria-label": "both networks" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, body))),
      ...found.told.map((sentence) => h("p", {}, sentence)));
  }
}

/** The networks of the zoo, to choose one: `element`, in which they are shown, and `show`. */
export function zooDialog(zoo, take) {
  const field = h("input", { type: "search", placeholder: "search", "aria-label": "search the zoo" });
  const items = zoo.map((each) => {
    const item = h("li", {}, h("button", { type: "button", onclick: () => { dialog.close(); take(each.name); } },
      h("b", {}, each.name), " ", h("span", { class: "note" }, each.from), h("span", { class: "summary" }, each.summary)));
    item.named = each.name.toLowerCase();
    item.words = `${each.name} ${each.from} ${each.summary}`.toLowerCase();
    return item;
  });
  const none = h("p", { class: "note", role: "status", hidden: true }, "No network has that in its name, source or summary.");
  const dialog = h("dialog", { class: "zoo", "aria-label": "networks of the zoo" },
    h("form", { method: "dialog" }, h("button", { class: "close", "aria-label": "close" }, "×")),
    h("h2", {}, "The zoo"), field, none, h("ul", {}, items));
  const wanted = () => field.value.trim().toLowerCase();
  field.addEventListener("input", () => {
    for (const item of items) item.hidden = !item.words.includes(wanted());
    none.hidden = items.some((item) => !item.hidden);
  });
  field.addEventListener("keydown", (event) => { // the one of that name, or the first that is shown
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const shown = wanted() ? items.filter((item) => !item.hidden) : [];
    (shown.find(({ named }) => named === wanted()) ?? shown[0])?.firstChild.click();
  });
  const show = () => {
    dialog.showModal();
    field.focus(); // by itself only now: a page within another may not take the focus as it comes
  };
  return { element: dialog, show };
}
