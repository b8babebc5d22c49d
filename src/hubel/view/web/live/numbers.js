// The numbers behind one unit as pictures: windows, kernels and products as grids, and how their sum grows.

import { colour, css, themed } from "hubel/view/live/colours";
import { brief, shown } from "hubel/view/numbers";

const SIGN = 20; // room for × and = between grids

/** Terms of a window, one entry a source channel: {channel, rows, columns, cells: term at [row, column]}. */
export function planes(unit) {
  const found = new Map();
  unit.terms.forEach((term, index) => {
    const [row, column, channel] = term.tap || term.from;
    const key = term.tap ? channel : term.from[2];
    if (!found.has(key)) found.set(key, { channel: term.from[2], cells: [] });
    found.get(key).cells.push({ row, column, term, index });
  });
  for (const plane of found.values()) {
    const [rows, columns] = ["row", "column"].map((name) => plane.cells.map((cell) => cell[name]));
    plane.top = Math.min(...rows);
    plane.left = Math.min(...columns);
    plane.rows = Math.max(...rows) - plane.top + 1;
    plane.columns = Math.max(...columns) - plane.left + 1;
  }
  return [...found.values()];
}

/** How large the cells of `count` grids of so many columns are, side by side (or in two rows) in a width. */
export function cellSize(columns, count, width) {
  for (const rows of [1, 2, count]) {
    const each = Math.ceil(count / rows);
    const cell = Math.floor((width - (each - 1) * SIGN) / (each * columns));
    if (cell >= 27 || rows === count) return { cell: Math.max(3, Math.min(40, cell)), across: each };
  }
}

/** Draw a plane as grids: values, weights and products of a weighted sum; values alone of a pool. */
export function drawPlane(canvas, plane, unit, tables, limits, step, width) {
  const weighted = unit.rule === "sum" && plane.cells[0].term.tap;
  const grids = weighted
    ? [
        {
          title: "window",
          sign: "×",
          table: limits.table,
          low: limits.low,
          high: limits.high,
          of: (term) => term.value,
        },
        {
          title: "kernel",
          sign: "=",
          table: tables.signed,
          ...around(unit.terms.map((t) => t.weight)),
          of: (term) => term.weight,
        },
        {
          title: "products",
          sign: "",
          table: tables.signed,
          ...around(unit.terms.map((t) => t.product)),
          of: (term) => term.product,
          stepped: true,
        },
      ]
    : [
        {
          title: "window",
          sign: "",
          table: limits.table,
          low: limits.low,
          high: limits.high,
          of: (term) => term.value,
          stepped: true,
        },
      ];
  const { cell, across } = cellSize(plane.columns, grids.length, width);
  const tall = Math.min(cell, 24);
  const [wide, high] = [plane.columns * cell, plane.rows * tall + 20];
  const down = Math.ceil(grids.length / across);
  const context = prepared(canvas, across * wide + (across - 1) * SIGN, down * high + (down - 1) * 8);
  canvas.windowCells = [];
  const [words, quiet, line] = themed(canvas, "--words", "--quiet", "--line");
  grids.forEach((grid, i) => {
    const [left, top] = [(i % across) * (wide + SIGN), Math.floor(i / across) * (high + 8)];
    write(context, grid.title, left, top + 11, quiet, "12px sans-serif", "left");
    if (grid.sign) {
      const beside = i % across < across - 1;
      if (beside)
        write(context, grid.sign, left + wide + SIGN / 2, top + high / 2 + 10, words, "16px sans-serif", "center");
    }
    for (const { row, column, term, index } of plane.cells) {
      const [x, y] = [left + (column - plane.left) * cell, top + 18 + (row - plane.top) * tall];
      if (i === 0 && !term.padded) canvas.windowCells.push({ x, y, cell, tall, term });
      const waiting = grid.stepped && index >= step;
      if (!waiting) drawCell(context, grid, term, x, y, cell, tall);
      const isCurrent = index === step - 1 && step < unit.terms.length;
      if (isCurrent || (term.best && step === unit.terms.length && !weighted)) outline(context, x, y, cell, tall);
    }
    context.strokeStyle = line;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 18.5, wide - 1, plane.rows * tall - 1);
  });
}

/** The term whose window cell lies under a point of a canvas that `drawPlane` drew. */
export function termAt(canvas, x, y) {
  const found = (canvas.windowCells || []).find(
    (one) => x >= one.x && x < one.x + one.cell && y >= one.y && y < one.y + one.tall,
  );
  return found ? found.term : null;
}

function drawCell(context, grid, term, x, y, cell, tall) {
  const { fill, ink } = css(colour(grid.table, grid.of(term), grid.low, grid.high));
  context.fillStyle = fill;
  context.fillRect(x, y, cell, tall);
  if (term.padded && grid.title === "window") hatch(context, x, y, cell, tall);
  if (cell >= 26)
    write(
      context,
      brief(grid.of(term)),
      x + cell / 2,
      y + tall / 2 + 4,
      ink,
      `${cell >= 34 ? 11 : 9.5}px sans-serif`,
      "center",
    );
}

function hatch(context, x, y, cell, tall) {
  context.strokeStyle = "rgb(128 128 128 / 0.7)";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, y + tall);
  context.lineTo(x + cell, y);
  context.stroke();
}

function outline(context, x, y, cell, tall) {
  context.strokeStyle = "#000";
  context.lineWidth = 3;
  context.strokeRect(x + 1, y + 1, cell - 2, tall - 2);
  context.strokeStyle = "#ffb000";
  context.lineWidth = 2;
  context.strokeRect(x + 1, y + 1, cell - 2, tall - 2);
}

/** Draw how the sum grows from zero, term by term, to the number itself; up to `step` terms. */
export function drawSum(canvas, unit, step, width) {
  const height = 132;
  const context = prepared(canvas, width, height);
  const [quiet, line, blue] = themed(canvas, "--quiet", "--line", "--blue");
  const sums = [0, ...unit.terms.map((term) => term.sum)];
  const ends = unit.bias === null ? sums : [...sums, unit.before];
  const finite = ends.filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(0, ...finite)];
  const [left, right, top, bottom] = [46, width - 8, 10, height - 22];
  const x = (i) => left + ((right - left) * i) / Math.max(1, ends.length - 1);
  const y = (value) => bottom - ((bottom - top) * (value - low)) / (high - low || 1);
  context.lineWidth = 1;
  for (const value of new Set([low, 0, high])) {
    context.strokeStyle = line;
    context.beginPath();
    context.moveTo(left, Math.round(y(value)) + 0.5);
    context.lineTo(right, Math.round(y(value)) + 0.5);
    context.stroke();
    const near = value === 0 && (high - low) / 8 > Math.min(high || Infinity, -low || Infinity);
    if (!near) write(context, shown(value, 2), left - 5, y(value) + 4, quiet, "11px sans-serif", "right");
  }
  context.strokeStyle = blue;
  context.lineWidth = 2;
  context.beginPath();
  for (let i = 0; i <= step; i++) context[i ? "lineTo" : "moveTo"](x(i), y(sums[i]));
  if (step === unit.terms.length && unit.bias !== null) context.lineTo(x(ends.length - 1), y(unit.before));
  context.stroke();
  const done = step === unit.terms.length && unit.bias !== null;
  context.fillStyle = blue;
  context.beginPath();
  context.arc(x(done ? ends.length - 1 : step), y(done ? unit.before : sums[step]), 4, 0, 7);
  context.fill();
  const name = unit.bias === null ? `${unit.terms.length} terms` : `${unit.terms.length} products, then the bias`;
  write(context, name, (left + right) / 2, height - 5, quiet, "11px sans-serif", "center");
}

function around(values) {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  return { low: -most, high: most };
}

function prepared(canvas, width, height) {
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function write(context, text, x, y, fill, font, align) {
  context.fillStyle = fill;
  context.font = font.replace("sans-serif", 'Helvetica, Arial, "Liberation Sans", sans-serif');
  context.textAlign = align;
  context.fillText(text, x, y);
}
