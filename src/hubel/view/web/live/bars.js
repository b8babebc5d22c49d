// What the model says: a bar for each class, of many classes the likeliest.

import { h } from "hubel/view/dom";

const MOST = 12;

/** Bars of classes with these names; `element` holds them. */
export class Bars {
  constructor(classes) {
    this.classes = classes;
    this.rows = Array.from({ length: Math.min(classes.length, MOST) }, () => {
      const parts = { name: h("span", { class: "name" }), fill: h("i", { class: "fill" }), share: h("span", { class: "share" }) };
      parts.element = h("li", { class: "probability" }, parts.name, h("span", { class: "track" }, parts.fill), parts.share);
      return parts;
    });
    this.sorted = classes.length > this.rows.length;
    const title = this.sorted ? `the ${this.rows.length} likeliest of ${classes.length} classes` : "what the model says";
    const list = h("ol", { class: "bars", "aria-label": "class probabilities" }, this.rows.map((row) => row.element));
    this.element = h("div", {}, h("h3", {}, title), list);
  }

  /** Draw shares, and give the likeliest in words. */
  draw(shares) {
    let order = Array.from(this.rows, (_, i) => i);
    if (this.sorted) order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, this.rows.length);
    const best = likeliest(shares);
    const named = (index) => this.classes[index] ?? String(index);
    order.forEach((index, i) => {
      const row = this.rows[i];
      if (row.name.textContent !== named(index)) row.name.textContent = named(index);
      row.fill.style.width = `${100 * shares[index]}%`;
      row.share.textContent = `${(100 * shares[index]).toFixed(1)}%`;
      row.element.classList.toggle("best", index === best);
    });
    return `${named(best)}, ${Math.round(100 * shares[best])} percent`;
  }
}

/** Where the largest share stands. */
export const likeliest = (shares) => shares.indexOf(shares.reduce((a, b) => Math.max(a, b), -Infinity));
