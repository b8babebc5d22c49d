// The text form: a text area over its own words in colours, with mistakes and the chosen layer marked, and completion.

import { h } from "hubel/view/dom";
import { completions, usage } from "hubel/studio/design/completion";

const TOKEN = /(\d+(?:\.\d+)?(?:[x×/]\d+)*)|([A-Za-z_]\w*)|(\s+|[^\w\s])/g;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Co}]/gu; // but for ends of lines: shown as a sign that has a width
const JOINS = new Set(["sum", "concat", "product", "aux"]);

/** An editor of a network's text form. on: {typed(text), caret(place), undo(way)}. */
export class Editor {
  constructor(known, on) {
    this.known = known;
    this.on = on;
    this.layers = new Set(known.words.map(({ word }) => word));
    this.marks = []; // {start, end, kind}
    this.held = []; // pieces of the mirror
    this.items = [];
    this.picked = 0;
    this.area = h("textarea", {
      spellcheck: false, autocomplete: "off", autocapitalize: "off", autocorrect: "off", rows: 2,
      "aria-label": "the network as text", "aria-autocomplete": "list", "aria-controls": "completions", "aria-describedby": "usage wrong",
    });
    this.mirror = h("pre", { "aria-hidden": true });
    this.list = h("ul", { id: "completions", role: "listbox", "aria-label": "what may stand here", hidden: true });
    this.help = h("p", { id: "usage", class: "usage" });
    this.element = h("div", { class: "editor" }, h("div", { class: "stack" }, this.mirror, this.area), this.list, this.help);
    this.area.addEventListener("input", () => this.typed());
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.area.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    document.addEventListener("selectionchange", () => document.activeElement === this.area && this.moved());
  }

  get text() {
    return this.area.value;
  }

  /** Show another text, which nobody typed. */
  set(text) {
    if (text === this.area.value) return;
    const caret = this.area.selectionStart;
    this.area.value = text;
    if (document.activeElement === this.area) this.area.setSelectionRange(Math.min(caret, text.length), Math.min(caret, text.length));
    this.close();
    this.paint();
  }

  /** Mark places of the text: [{start, end, kind: "chosen" | "wrong" | "changed"}]. */
  mark(marks) {
    if (!marks.length && !this.marks.length) return;
    this.marks = marks;
    this.paint();
    const chosen = marks.find(({ kind }) => kind === "chosen");
    if (chosen && document.activeElement !== this.area) this.tell(chosen.end); // it was clicked: the caret is elsewhere
  }

  typed() {
    this.marks = [];
    this.on.typed(this.text); // first: its answer takes longer than what is drawn here
    this.offer();
  }

  moved() {
    this.tell();
    this.on.caret(this.area.selectionStart);
    if (!this.list.hidden && this.area.selectionStart !== this.offeredAt) this.close();
  }

  tell(at = this.area.selectionStart) {
    const found = usage(this.known, this.text, at);
    this.help.textContent = found ? `${found.usage}${found.settings.length ? `   ${found.settings.join(" · ")}` : ""}` : "";
    this.help.title = found ? found.does : "";
  }

  /** Offer what may be written at the caret. */
  offer(forced = false) {
    const caret = this.area.selectionStart;
    const { start, items } = completions(this.known, this.text, caret, forced);
    this.items = items;
    this.start = start;
    this.offeredAt = caret;
    this.picked = 0;
    this.list.hidden = !items.length;
    this.list.replaceChildren(
      ...items.map((item, place) =>
        h("li", { role: "option", id: `completion${place}`, "aria-selected": place === 0, onpointerdown: (event) => {
          event.preventDefault();
          this.take(place);
        } }, h("b", {}, item.text), " ", h("span", {}, item.does)),
      ),
    );
    this.paint();
    if (items.length) {
      this.area.setAttribute("aria-activedescendant", "completion0");
      this.place();
    } else this.area.removeAttribute("aria-activedescendant");
  }

  /** Put the list under the word that it completes. */
  place() {
    const anchor = this.mirror.querySelector(".anchor");
    if (!anchor) return;
    const own = this.element.getBoundingClientRect();
    const box = anchor.getBoundingClientRect();
    const left = Math.max(0, Math.min(box.left - own.left, own.width - Math.min(460, own.width)));
    this.list.style.left = `${left}px`;
    this.list.style.top = `${box.bottom - own.top + 4}px`;
  }

  pick(place) {
    this.picked = (place + this.items.length) % this.items.length;
    [...this.list.children].forEach((item, each) => item.setAttribute("aria-selected", each === this.picked));
    this.list.children[this.picked].scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", `completion${this.picked}`);
  }

  take(place) {
    const item = this.items[place];
    const end = this.area.selectionStart;
    const text = item.whole ? item.text : this.text.slice(0, this.start) + item.text + this.text.slice(end);
    this.area.value = text;
    const caret = item.whole ? text.length : this.start + item.text.length;
    this.area.setSelectionRange(caret, caret);
    this.close();
    this.marks = [];
    this.paint();
    this.on.typed(text, item.whole ? item.text : null);
    this.tell();
  }

  close() {
    this.list.hidden = true;
    this.items = [];
    this.area.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const undo = (event.ctrlKey || event.metaKey) && !event.altKey && { z: event.shiftKey ? 1 : -1, y: 1 }[event.key.toLowerCase()];
    if (undo) {
      event.preventDefault();
      this.on.undo(undo);
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      this.offer(true);
    } else if (!this.list.hidden) {
      const act = { ArrowDown: () => this.pick(this.picked + 1), ArrowUp: () => this.pick(this.picked - 1),
        Enter: () => this.take(this.picked), Tab: () => this.take(this.picked), Escape: () => this.close() }[event.key];
      if (!act || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    } else if (event.key === "Enter" && this.known.zoo.some(({ name }) => name === this.text.trim())) {
      event.preventDefault();
      this.on.typed(this.text, this.text.trim()); // the network of that name is written out
    }
  }

  /** Draw the words behind the text area. */
  paint() {
    const parts = [];
    const cuts = this.marks.flatMap(({ start, end }) => [start, end]);
    if (!this.list.hidden) cuts.push(this.start);
    let anchored = this.list.hidden;
    const shown = this.text.replace(HIDDEN, (letter) => (/[\n\t]/.test(letter) ? letter : "�".repeat(letter.length)));
    for (const [token, number, word] of shown.matchAll(TOKEN)) parts.push([token, number, word]);
    const made = [];
    let at = 0;
    for (const [token, number, word] of parts) {
      const kind = number ? "number" : word ? (JOINS.has(word) ? "joins" : this.layers.has(word) ? "word" : "") : "";
      let left = token;
      let from = at;
      const inside = cuts.filter((cut) => cut > at && cut < at + token.length).sort((a, b) => a - b);
      for (const cut of [...inside, at + token.length]) {
        const piece = left.slice(0, cut - from);
        const classes = [kind, ...this.marks.filter((mark) => mark.start <= from && from < mark.end).map((mark) => mark.kind)];
        if (!anchored && from >= this.start) {
          classes.push("anchor");
          anchored = true;
        }
        made.push([piece, classes.filter(Boolean).join(" ")]);
        left = left.slice(cut - from);
        from = cut;
      }
      at += token.length;
    }
    if (!anchored) made.push(["\u200b", "anchor"]);
    if (this.marks.some((mark) => mark.kind === "wrong" && mark.start >= this.text.length)) made.push([" ", "wrong"]);
    this.put([...made, ["\n", ""]]);
  }

  /** Have the mirror hold these pieces, [words, classes] each; those at both ends that it holds already stay. */
  put(made) {
    const { held, mirror } = this;
    const alike = (a, b) => a[0] === b[0] && a[1] === b[1];
    const least = Math.min(held.length, made.length);
    let [head, tail] = [0, 0];
    while (head < least && alike(held[head], made[head])) head += 1;
    while (tail < least - head && alike(held[held.length - 1 - tail], made[made.length - 1 - tail])) tail += 1;
    const end = mirror.childNodes[held.length - tail] ?? null;
    for (const each of [...mirror.childNodes].slice(head, held.length - tail)) each.remove();
    for (const [words, classes] of made.slice(head, made.length - tail)) {
      mirror.insertBefore(classes ? h("span", { class: classes }, words) : document.createTextNode(words), end);
    }
    this.held = made;
  }
}
