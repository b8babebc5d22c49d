// Boxes over a picture, with what stands in each.

import { h, held, percent } from "hubel/view/dom";

const SIDE = 480; // pixels of the drawn picture's longer side

/** A canvas with a picture (anything that can be drawn, of a width and a height) and its objects: class, probability,
 * left, top, right, bottom in its pixels. A class has one of the page's `colours` by its place among `classes`. */
export function boxed(picture, objects, classes) {
  const scale = SIDE / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = h("canvas", { width, height, role: "img", "aria-label": "the picture, with boxes" });
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = scale < 1;
  pen.drawImage(picture, 0, 0, width, height);
  pen.font = "bold 18px sans-serif";
  pen.textBaseline = "middle";
  pen.lineWidth = 3;
  const colours = held("colours");
  for (const each of [...objects].reverse()) { // the surest lies above
    const [left, top, right, bottom] = [each.left, each.top, each.right, each.bottom].map((edge) => edge * scale);
    pen.strokeStyle = pen.fillStyle = colours[Math.max(0, classes.indexOf(each.class)) % colours.length];
    pen.strokeRect(left, top, right - left, bottom - top);
    const words = `${each.class} ${percent(each.probability, 0)}`;
    const long = pen.measureText(words).width + 10;
    const x = Math.max(0, Math.min(left - 1.5, width - long));
    const y = top >= 24 ? top - 24 : top;
    pen.fillRect(x, y, long, 24);
    pen.fillStyle = "#ffffff";
    pen.fillText(words, x + 5, y + 12);
  }
  return canvas;
}

/** How many objects of each class, the most first: "2 cats" is said as "2 cat". */
export function counted(objects) {
  const counts = new Map();
  for (const each of objects) counts.set(each.class, (counts.get(each.class) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${count} ${name}`).join(", ");
}
