// What is joined, shown as pictures and lists: branches and their sum or product, and a softmax's exponentials.

import { h } from "hubel/view/dom";
import { colour } from "hubel/view/live/colours";
import { shown } from "hubel/view/numbers";

const SIDE = 84; // pixels of a small map's longer side
const LISTED = 12; // classes of a softmax that are listed, of so many at most
const FIRST = 8; // those listed of more
const STEEP = 50; // from this size of a number its exponential says nothing to a reader

/** The branches that a number was joined from by adding or multiplying: [{step, at}]; none of other layers. */
export function branchesOf(step, at) {
  if (!["sum", "product"].includes(step.node.kind) || step.sources.length < 2) return [];
  return step.sources.map((source) => ({
    step: source,
    at: at.map((place, axis) => (source.shape[axis] === 1 ? 0 : place)),
  }));
}

/** The number of a step at a place. */
export const numberAt = ({ shape, data }, [row, column, channel]) =>
  data[(row * shape[1] + column) * shape[2] + channel];

/** The maps of all branches and what became of them, all in one scale, the place framed; `nameOf(step)` titles them. */
export function branchMaps(step, branches, at, table, nameOf) {
  const all = [...branches, { step, at }];
  const most = all.reduce((size, one) => Math.max(size, largestOf(one.step, one.at[2])), 0);
  const isMap = step.shape[0] * step.shape[1] > 1; // a vector has its numbers alone
  const sign = step.node.kind === "sum" ? "+" : "×";
  return all.map((one, i) => {
    const caption = h("figcaption", {}, nameOf(one.step), h("b", {}, ` ${shown(numberAt(one.step, one.at))}`));
    const before = i === 0 ? null : h("span", { class: "sign" }, i === branches.length ? "=" : sign);
    return h("div", { class: "branch" }, before, h("figure", {}, isMap ? smallMap(one.step, one.at, table, most) : null, caption));
  });
}

function largestOf({ shape, data }, channel) {
  let most = 0;
  for (let i = channel; i < data.length; i += shape[2]) most = Math.max(most, Math.abs(data[i]));
  return Number.isFinite(most) ? most : 0;
}

function smallMap({ shape: [rows, columns, channels], data }, [row, column, channel], table, most) {
  const small = h("canvas", { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.forEach((_, i) => (pixels[i] = colour(table, data[i * channels + channel], -most, most)));
  small.getContext("2d").putImageData(image, 0, 0);
  const zoom = SIDE / Math.max(rows, columns, 3);
  const canvas = h("canvas", { width: 2 * columns * zoom, height: 2 * rows * zoom, "aria-hidden": "true" });
  canvas.style.width = `${columns * zoom}px`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  frame(context, [column, row, 1, 1].map((length) => 2 * zoom * length));
  return canvas;
}

/** A frame around a region of a canvas: [left, top, width, height]. */
export function frame(context, box) {
  for (const [width, ink] of [
    [5, "rgb(0 0 0 / 0.75)"],
    [3, "#ffb000"],
  ]) {
    context.lineWidth = width;
    context.strokeStyle = ink;
    context.strokeRect(...box);
  }
}

/** The softmax of numbers as a table: each one's exponential, their sum, its share; `own` is the one looked at. */
export function softmaxTable(numbers, own, nameOf) {
  const largest = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  const shift = Math.abs(largest) > STEEP ? largest : 0;
  const powers = Array.from(numbers, (value) => Math.exp(value - shift));
  const total = powers.reduce((a, b) => a + b, 0);
  const order = [...powers.keys()];
  if (order.length > LISTED) order.sort((a, b) => powers[b] - powers[a]);
  const listed = order.length > LISTED ? order.slice(0, FIRST) : order;
  if (!listed.includes(own)) listed.push(own);
  const row = (name, value, power, kind) => {
    const fill = h("span", { class: "fill", style: `width:${(100 * power) / total}%` });
    return h(
      "tr",
      { class: kind },
      h("th", { scope: "row" }, name),
      h("td", { class: "number" }, value),
      h("td", { class: "number" }, shown(power)),
      h("td", { class: "number" }, `${((100 * power) / total).toFixed(1)}%`),
      h("td", {}, h("span", { class: "track" }, fill)),
    );
  };
  const rows = listed.map((i) => row(nameOf(i), shown(numbers[i]), powers[i], i === own ? "own" : null));
  const others = total - listed.reduce((sum, i) => sum + powers[i], 0);
  if (order.length > listed.length) rows.push(row(`${order.length - listed.length} others`, "", Math.max(0, others)));
  const power = shift ? `e^(z − ${shown(shift)})` : "e^z";
  const heads = ["class", "z", power, "share"].map((name, i) =>
    h("th", { scope: "col", class: i ? "number" : null }, name),
  );
  return h(
    "table",
    { class: "softmax" },
    h("caption", {}, `softmax: ${power} as a share of the sum of all ${numbers.length}`),
    h("thead", {}, h("tr", {}, heads, h("td"))),
    h("tbody", {}, rows, row("sum", "", total, "sum")),
  );
}
