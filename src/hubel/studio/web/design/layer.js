// One layer beside the drawing: what it does, its settings as steps, what may stand beside it, and every formula.

import { h } from "hubel/view/dom";

const FIRST = ["filters", "units", "kernel_size", "pool_size", "strides", "padding", "activation", "function", "rate"];
const ADDED = ["relu", "norm", "conv 32 3x3 same", "maxpool 2", "avgpool 2", "dropout 0.5", "globalavgpool", "flatten",
  "dense 64 relu", "dense 10 softmax", "sum(conv 32 3x3 same | identity)", "identity"];
const HEAD = 200; // px: of the pane's name, shapes, and a first setting
const EDGE = 12;
const named = (name) => name.replaceAll("_", " ");

/** The pane of one layer. change(how, setting, value) changes the text. */
export class LayerPane {
  constructor(change) {
    this.change = change;
    this.element = h("section", { class: "layer-pane", "aria-label": "the chosen layer" });
    this.empty();
  }

  empty() {
    this.shown = null;
    this.element.replaceChildren(h("h2", {}, "A layer"),
      h("p", { class: "note" }, "Click a layer in the drawing, or put the caret on it in the text: its size, its formulas and what can be changed of it stand here."));
  }

  /** Show a layer, and leave the keyboard where it was. */
  show(found, alike) {
    const focus = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.shown = found.path;
    const first = found.settings.filter(({ name }) => FIRST.includes(name)).sort((a, b) => FIRST.indexOf(a.name) - FIRST.indexOf(b.name));
    const rest = found.settings.filter(({ name }) => !FIRST.includes(name));
    const open = this.element.querySelector("details")?.open;
    this.element.replaceChildren(
      h("h2", {}, found.path), h("p", { class: "words" }, h("code", {}, found.words)),
      found.does ? h("p", { class: "note" }, found.does) : "",
      alike > 1 ? h("p", { class: "note" }, `It stands ${alike} times in the network and once in the text: all change together.`) : "",
      h("p", { class: "shapes" }, found.input, " → ", h("b", {}, found.output), h("span", { class: "note" }, ` each sees ${found.field}${/[1-9]/.test(found.stride) ? `, ${found.stride} apart` : ""}`)),
      h("div", { class: "settings" }, first.map((setting) => this.setting(setting))),
      rest.length ? h("details", { open }, h("summary", {}, "more settings"), h("div", { class: "settings" }, rest.map((setting) => this.setting(setting)))) : "",
      found.settings.length || found.place ? this.beside() : "",
      h("h3", {}, "Arithmetic"),
      h("dl", { class: "arithmetic" }, found.formulas.flatMap(([title, values, names]) => [h("dt", {}, title), h("dd", {}, values, h("small", {}, names))])),
      ...found.notes.map((note) => h("p", { class: "note" }, note)),
    );
    if (focus) this.element.querySelector(`[data-key="${focus}"]`)?.focus();
  }

  /** Where the pane is below what the screen shows, as on a phone, scroll as far as its settings go and the layer that was
   * chosen stays in sight; at least to the pane's head. */
  reveal(layer) {
    const own = this.element.getBoundingClientRect();
    if (!layer || !this.shown || own.top + HEAD <= innerHeight) return;
    const all = (this.element.querySelector(".settings:not(:empty)") ?? this.element).getBoundingClientRect().bottom + EDGE - innerHeight;
    const bar = document.querySelector("body > header")?.offsetHeight ?? 0;
    const above = layer.getBoundingClientRect().top - EDGE - bar;
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    scrollBy({ top: Math.max(own.top + HEAD - innerHeight, Math.min(all, above)), behavior: isStill ? "auto" : "smooth" });
  }

  /** Show where a setting was stepped to, though the network may not work out with it: steps go on from there. */
  stepped(setting, value) {
    const all = ["less", "value", "more"].map((what) => this.element.querySelector(`[data-key="${setting} ${what}"]`));
    for (const each of all.filter(Boolean)) each.tagName === "INPUT" ? (each.value = value) : (each.disabled = false);
  }

  beside() {
    const choose = h("select", { "aria-label": "a layer to add after it", "data-key": "add" },
      h("option", { value: "" }, "add after it …"), ADDED.map((words) => h("option", {}, words)));
    choose.addEventListener("change", () => choose.value && this.change("after", "", choose.value));
    return h("p", { class: "beside-it" }, choose, " ",
      h("button", { type: "button", "data-key": "remove", onclick: () => this.change("remove", "", "") }, "remove it"));
  }

  setting(setting) {
    const set = (value) => this.change("set", setting.name, value);
    const title = named(setting.name);
    const key = (what) => ({ "data-key": `${setting.name} ${what}` });
    if (setting.kind === "flag") {
      const box = h("input", { type: "checkbox", checked: setting.value === "true", ...key("flag") });
      box.addEventListener("change", () => set(String(box.checked)));
      return h("label", { class: "flag" }, box, " ", title);
    }
    const label = h("span", { class: "name", id: `setting-${setting.name}` }, title);
    if (setting.kind === "choice") {
      const choose = h("select", { "aria-labelledby": `setting-${setting.name}`, ...key("choice") },
        setting.choices.map((choice) => h("option", { selected: choice === setting.value }, choice)));
      choose.addEventListener("change", () => set(choose.value));
      return h("div", { class: "setting" }, label, choose);
    }
    const field = h("input", { value: setting.value, size: 5, autocomplete: "off", "aria-labelledby": `setting-${setting.name}`, ...key("value") });
    field.addEventListener("change", () => field.value.trim() && field.value !== setting.value && set(field.value.trim()));
    if (setting.kind === "text") return h("div", { class: "setting" }, label, field);
    const step = (sign, words) => h("button", { type: "button", disabled: !setting[words], "aria-label": `${title}: ${words}`, ...key(words), onclick: () => this.change(words, setting.name, "") }, sign);
    field.addEventListener("keydown", (event) => {
      const way = { ArrowUp: "more", ArrowDown: "less" }[event.key];
      if (!way) return;
      event.preventDefault();
      if (!field.parentElement.querySelector(`[data-key$="${way}"]`).disabled) this.change(way, setting.name, "");
    });
    return h("div", { class: "setting" }, label, h("span", { class: "stepper" }, step("−", "less"), field, step("+", "more")),
      setting.ends ? h("small", { class: "ends" }, setting.ends) : "");
  }
}
