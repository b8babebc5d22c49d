// What an address says, where not all of it can be used: what stands in its place is said, each value by its name.

import { h } from "hubel/view/dom";

const LONGEST = 40;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Co}]/gu; // moves nothing that is seen, or the order in which one reads

/** Words in which everything can be seen, and no more than have room. */
export function seen(text, longest = LONGEST) {
  const shown = text.replace(HIDDEN, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);
  return shown.length > longest ? `${shown.slice(0, longest - 1)}…` : shown;
}

/** Values of an address, taken one by one; `element` says which were replaced until somebody changes something. */
export class Usable {
  constructor(place) {
    this.element = h("ul", { class: "replaced", role: "status", "aria-label": "what the address asks for and cannot be had" });
    for (const kind of ["input", "change"]) place.addEventListener(kind, () => this.element.replaceChildren());
  }

  /** Begin with other values. */
  begin(values) {
    this.values = values;
    this.element.replaceChildren();
  }

  /** Say that a value cannot be used, and what is taken in its place. */
  replace(name, expected, taken) {
    this.element.append(h("li", {}, `The address says ${name}=${seen(this.values[name])}: expected ${expected}; ${taken}.`));
  }

  /** One of some words. */
  oneOf(name, words, usual, taken = `${usual} is taken`) {
    const given = this.values[name];
    if (!given || words.includes(given)) return given || usual;
    this.replace(name, words.length > 9 ? `one of ${words.length} names` : `one of ${words.join(", ")}`, taken);
    return usual;
  }

  /** A number of a range, whole or not; one outside becomes the nearest, and what is none the usual. */
  number(name, [least, most], usual, isWhole = true) {
    const given = this.values[name];
    if (!given) return usual;
    const found = Number(given);
    const fits = found >= least && found <= most && (!isWhole || Number.isInteger(found));
    if (fits) return found;
    const taken = Number.isFinite(found) ? Math.max(least, Math.min(most, isWhole ? Math.round(found) : found)) : usual;
    this.replace(name, `a ${isWhole ? "whole " : ""}number from ${least} to ${most}`, `${taken} is taken`);
    return taken;
  }
}
