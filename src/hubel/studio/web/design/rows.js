// The table: a line a layer, patched where figures change, with what changed beside it for a moment.

import { broken, count, h } from "hubel/view/dom";

const COLUMNS = [
  ["path", "layer", ""], ["words", "what", ""], ["output", "output", ""], ["parameters", "parameters", "number"],
  ["macs", "MACs", "number"], ["field", "receptive field", "number"], ["formula", "how", "how"],
];

const FEW = 3; // layers that may all be changed at once

const shown = (value) => (typeof value === "number" ? (value ? count(value) : "·") : value ?? "");

/** A difference in words: +1,234. */
export function difference(before, after) {
  const change = after - before;
  return change ? `${change > 0 ? "+" : "−"}${count(Math.abs(change))}` : "";
}

/**
 * For each row the one that it was before, or null: rows at both ends go together while they say the same, those between
 * by their names, so that a layer that comes or goes changes no other. Null for all where most are others: that is no
 * change of a network, but another one.
 */
export function paired(before, rows) {
  const alike = (a, b) => a.words === b.words && a.kind === b.kind;
  const most = Math.min(before.length, rows.length);
  let [head, tail] = [0, 0];
  while (head < most && alike(before[head], rows[head])) head += 1;
  while (tail < most - head && alike(before[before.length - 1 - tail], rows[rows.length - 1 - tail])) tail += 1;
  if (Math.max(before.length, rows.length) - head - tail > Math.max(FEW, most / 2)) return null;
  const between = new Map(before.slice(head, before.length - tail).map((row) => [row.path, row]));
  return rows.map((row, at) => {
    if (at < head) return before[at];
    return at >= rows.length - tail ? before[before.length - rows.length + at] : between.get(row.path) ?? null;
  });
}

/** The table of a network's rows. choose(row) is called for a row that is chosen. */
export class Rows {
  constructor(choose) {
    this.choose = choose;
    this.body = h("tbody");
    this.note = h("p", { class: "note" });
    const head = COLUMNS.map(([, title, kind]) => h("th", { scope: "col", class: kind }, title));
    this.element = h("div", {}, h("div", { class: "rows layers", tabindex: 0, role: "group", "aria-label": "layers" },
      h("table", {}, h("thead", {}, h("tr", {}, head)), this.body)), this.note);
    this.lines = [];
  }

  /** Show rows; before: what each of them was (`paired`), or null. */
  show(rows, before, more) {
    while (this.lines.length > rows.length) this.lines.pop().line.remove();
    rows.forEach((row, place) => {
      if (!this.lines[place]) this.lines.push(this.made(place));
      const { cells, values } = this.lines[place];
      COLUMNS.forEach(([name], column) => {
        if (name === "formula") return;
        const text = shown(row[name]);
        const was = before?.[place]?.[name];
        const change = typeof row[name] === "number" && was !== undefined ? difference(was, row[name]) : "";
        if (values[column] === text && !change) return;
        values[column] = text;
        if (column === 0) cells[0].firstChild.replaceChildren(...broken(text));
        else cells[column].replaceChildren(text, ...(change ? [h("small", { class: "difference" }, ` ${change}`)] : []));
      });
      this.lines[place].line.classList.toggle("aux", row.aux);
    });
    this.note.textContent = more ? `and ${count(more)} more layers, which are counted and not listed here` : "";
  }

  /** Show how the figures come about, once that is known. */
  explain(formulas) {
    formulas.forEach((formula, place) => {
      const found = this.lines[place];
      if (!found || found.formula === formula) return;
      found.formula = formula;
      found.cells[COLUMNS.length - 1].textContent = formula;
    });
  }

  mark(rows) {
    this.lines.forEach(({ line }, place) => line.classList.toggle("chosen", rows.includes(place)));
  }

  made(place) {
    const cells = COLUMNS.map(([name, , kind]) =>
      name === "path"
        ? h("th", { scope: "row" }, h("button", { type: "button", onclick: () => this.choose(place) }))
        : h("td", { class: kind }));
    const line = h("tr", {}, cells);
    this.body.append(line);
    return { line, cells, values: [] };
  }
}

/** What changed, by row, in the words that a drawing has room for. */
export function changes(before, rows) {
  const found = new Map();
  rows.forEach((row, at) => {
    const was = before[at];
    if (!was) found.set(at, true);
    else if (was.words !== row.words || was.output !== row.output || was.parameters !== row.parameters || was.macs !== row.macs) {
      const parameters = difference(was.parameters, row.parameters);
      const macs = difference(was.macs, row.macs);
      found.set(at, parameters ? `${parameters} parameters` : macs ? `${macs} MACs` : was.output !== row.output ? `${was.output} → ${row.output}` : true);
    }
  });
  return found;
}
