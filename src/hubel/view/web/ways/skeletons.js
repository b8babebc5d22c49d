// Points over a picture, joined to skeletons.

import { h, held } from "hubel/view/dom";

const SIDE = 480; // pixels of the drawn picture's longer side
const NAMED = 8; // points up to which each of one individual has its name beside it
const MIDDLE = 0.5; // of the first pixel, from which places count

/** A canvas with a picture (anything that can be drawn, of a width and a height) and its individuals' points (point, x, y
 * in its pixels), those `joined` (pairs of names) by a line. A point has one of the page's `colours` by its place among
 * `names`. */
export function posed(picture, individuals, joined, names) {
  const scale = SIDE / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = h("canvas", { width, height, role: "img", "aria-label": "the picture, with points" });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = scale < 1;
  pen.drawImage(picture, 0, 0, width, height);
  pen.font = "bold 15px sans-serif";
  pen.textBaseline = "middle";
  const colours = held("colours");
  const colour = (name) => colours[Math.max(0, names.indexOf(name)) % colours.length];
  for (const { points } of [...individuals].reverse()) { // the surest lies above
    const places = new Map(points.map(({ point, x, y }) => [point, [(x + MIDDLE) * scale, (y + MIDDLE) * scale]]));
    for (const [one, other] of joined.filter((pair) => pair.every((name) => places.has(name)))) {
      for (const [style, wide] of [["#ffffff", 4], [colour(one), 2.5]]) {
        Object.assign(pen, { strokeStyle: style, lineWidth: wide });
        pen.beginPath();
        pen.moveTo(...places.get(one));
        pen.lineTo(...places.get(other));
        pen.stroke();
      }
    }
    for (const [name, [x, y]] of places) {
      for (const [style, radius] of [["#ffffff", 6], [colour(name), 4.5]]) {
        pen.fillStyle = style;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 2 * Math.PI);
        pen.fill();
      }
    }
    if (individuals.length === 1 && names.length <= NAMED) named(pen, places, colour, width);
  }
  return canvas;
}

function named(pen, places, colour, width) {
  for (const [name, [x, y]] of places) {
    const long = pen.measureText(name).width;
    const left = x + 10 + long <= width ? x + 10 : x - 10 - long;
    Object.assign(pen, { strokeStyle: "#ffffff", lineWidth: 3, fillStyle: colour(name), lineJoin: "round" });
    pen.strokeText(name, left, y);
    pen.fillText(name, left, y);
  }
}
