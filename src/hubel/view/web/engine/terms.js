// How the numbers that made one number are listed: each term with the sum of all up to it.

/** Gathers products in order; padded places have value 0 and `padded`. */
export class Terms {
  constructor() {
    this.terms = [];
    this.total = 0;
  }

  /** Add value·weight, read at place `from` of the source. */
  add(value, weight, from, more = null) {
    const product = value * weight;
    this.total += product;
    this.terms.push({ value, weight, product, sum: this.total, from, ...more });
  }

  /** Add a term whose share of the total is not simply value·weight. */
  share(value, weight, product, from, more = null) {
    this.total += product;
    this.terms.push({ value, weight, product, sum: this.total, from, ...more });
  }
}

/** A list of one term: a number that is passed on, times a weight. */
export function single(value, from, weight = 1, more = {}) {
  const terms = new Terms();
  terms.add(value, weight, from);
  return { terms: terms.terms, ...more };
}
