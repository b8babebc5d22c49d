// Numbers in rows and columns, shaded: to look at, to choose a place of, to draw on.

import { h } from "hubel/view/dom";
import { short } from "hubel/studio/convolve/patterns";

export const CHANNELS = ["first channel", "second channel", "third channel"];
const DIGITS = 2;

/** A grid of numbers. choose(row, column): a place was chosen, by mouse or arrow keys. draw(row, column): something is
 * drawn there, with the mouse held or by the space bar. */
export class Grid {
  constructor(name, { choose = null, draw = null } = {}) {
    Object.assign(this, { name, choose, draw });
    this.element = h("div", { class: draw ? "numbers draws" : "numbers", role: "grid", "aria-label": name });
    this.at = [0, 0];
    this.cells = [];
    this.element.addEventListener("pointerdown", (event) => this.pressed(event));
    this.element.addEventListener("pointermove", (event) => this.moved(event));
    this.element.addEventListener("pointerup", () => (this.drawing = null));
    this.element.addEventListener("pointerleave", () => (this.drawing = null));
    this.element.addEventListener("focusin", ({ target }) => this.focusable(Number(target.dataset.row), Number(target.dataset.column)));
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show numbers; low and high: what the palest and the darkest shade stand for. */
  show(rows, [low, high] = extent(rows)) {
    const isNew = rows.length !== this.cells.length || rows[0].length !== this.cells[0]?.length;
    if (isNew) this.build(rows.length, rows[0].length);
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    rows.forEach((line, row) => line.forEach((value, column) => {
      const cell = this.cells[row][column];
      cell.textContent = short(value, Math.abs(value) >= 100 ? 0 : DIGITS);
      cell.style.setProperty("--share", `${Math.round((85 * Math.abs(value)) / most)}%`);
      cell.dataset.sign = value < 0 ? "minus" : "plus";
    }));
  }

  build(rows, columns) {
    this.cells = Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) =>
      h("span", { role: "gridcell", tabindex: -1, "data-row": row, "data-column": column })));
    this.element.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.element.style.setProperty("--columns", columns);
    this.element.replaceChildren(...this.cells.map((line) => h("div", { role: "row" }, line)));
    this.focusable(Math.min(this.at[0], rows - 1), Math.min(this.at[1], columns - 1));
  }

  /** Mark places: {name: [[row, column], …]}, a class of style each. */
  mark(marks) {
    for (const cell of this.cells.flat()) cell.className = "";
    for (const [name, places] of Object.entries(marks)) for (const [row, column] of places) this.cells[row]?.[column]?.classList.add(name);
  }

  focusable(row, column) {
    this.cells[this.at[0]]?.[this.at[1]]?.setAttribute("tabindex", "-1");
    this.at = [row, column];
    this.cells[row][column].setAttribute("tabindex", "0");
  }

  placeOf(event) {
    const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest("[role=gridcell]");
    return cell && this.element.contains(cell) ? [Number(cell.dataset.row), Number(cell.dataset.column)] : null;
  }

  pressed(event) {
    const place = this.placeOf(event);
    if (!place) return;
    this.focusable(...place);
    if (this.draw) {
      this.element.setPointerCapture?.(event.pointerId);
      this.drawing = this.draw(...place, null);
    } else this.choose?.(...place);
  }

  moved(event) {
    const place = this.placeOf(event);
    if (!place) return;
    if (this.draw && this.drawing !== null && this.drawing !== undefined && event.buttons) this.draw(...place, this.drawing);
    else if (!this.draw && event.pointerType === "mouse") this.choose?.(...place);
  }

  key(event) {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (way) {
      event.preventDefault();
      const row = clamp(this.at[0] + way[0], this.cells.length);
      const column = clamp(this.at[1] + way[1], this.cells[0].length);
      this.focusable(row, column);
      this.cells[row][column].focus();
      this.choose?.(row, column);
    } else if (this.draw && (event.key === " " || event.key === "Enter")) {
      event.preventDefault();
      this.draw(...this.at, null);
    }
  }
}

/** The lowest and the highest number. */
export function extent(rows) {
  const all = rows.flat();
  return [Math.min(...all), Math.max(...all)];
}

function clamp(at, length) {
  return Math.max(0, Math.min(length - 1, at));
}
