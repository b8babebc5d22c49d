// Curves of runs over epochs: one chart a figure, a colour a run, lines dashed where they are of training images.

import { h } from "hubel/view/dom";
import { written } from "hubel/view/numbers";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [420, 220, 46, 26, 10];
const svg = (kind, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

/** A number in few letters. */
export function brief(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size && (size < 0.001 || size >= 100_000) ? written(value.toExponential(1)) : written(String(Number(value.toPrecision(4))));
}

/** A chart of one figure: runs are {name, rows}; each has a colour by its place. */
export function chart(figure, runs) {
  const lines = runs.flatMap(({ name, rows }, place) =>
    [[figure, "training"], [`evaluation_${figure}`, rows.find((row) => row.evaluated)?.evaluated ?? "evaluated"]].map(([key, what]) => ({
      name, place, what, points: rows.filter((row) => typeof row[key] === "number").map((row) => [row.epoch, row[key]]),
    }))).filter(({ points }) => points.length);
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const epochs = lines.flatMap(({ points }) => points.map(([epoch]) => epoch));
  if (!values.length) return "";
  const [low, high] = range(Math.min(...values), Math.max(...values));
  const last = Math.max(...epochs, 2);
  const x = (epoch) => LEFT + ((epoch - 1) / (last - 1)) * (WIDTH - LEFT - 12);
  const y = (value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const ticks = [low, (low + high) / 2, high].flatMap((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 12, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(Number(value.toPrecision(3)))),
  ]);
  const under = [...new Set([1, Math.max(...epochs)])].map((epoch) => svg("text", { class: "tick", x: x(epoch), y: HEIGHT - 6, "text-anchor": epoch === 1 ? "start" : "end" }, `epoch ${epoch}`));
  const areFew = lines.every(({ points }) => points.length < 40);
  const drawn = lines.map(({ points, place, what }) => {
    const kind = `run-${place % 4}${what === "training" ? " training-line" : ""}`;
    const path = svg("polyline", { class: kind, points: points.map(([epoch, value]) => `${x(epoch)},${y(value)}`).join(" ") });
    const dots = areFew ? points.map(([epoch, value]) => svg("circle", { class: kind, cx: x(epoch), cy: y(value), r: 2.4 },
      svg("title", {}, `epoch ${epoch}: ${brief(value)} (${what})`))) : [];
    return svg("g", {}, path, ...dots);
  });
  const told = lines.map(({ name, what, points }) => `${name}, ${what}: ${brief(points[points.length - 1][1])}`);
  const keys = lines.map(({ place, what }, at) => h("span", { class: `key run-${place % 4}${what === "training" ? " training-line" : ""}` }, told[at]));
  const title = `${figure.replaceAll("_", " ")} over epochs. ${told.join("; ")}`;
  return h("figure", {}, h("figcaption", {}, h("b", {}, figure.replaceAll("_", " ")), " ", keys),
    svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, ...ticks, ...under, ...drawn));
}

function range(low, high) {
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high <= 1 && high + room > 1 && high > 0.5 ? 1 : high + room];
}
