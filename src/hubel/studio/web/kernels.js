// The kernels of a layer as small pictures, which are drawn again as they change.

import { h } from "hubel/view/dom";

const MOST = 24; // kernels shown
const [LARGEST, CHANNELS] = [7, 3]; // of those that the room Convolve takes

/** Draw kernels into an element. weights: kernel after kernel, each channel after channel; `channels` of three are its
 * red, green and blue, of others the first is shown, blue above zero and orange below. Those that the room Convolve takes
 * open there, where the page has it. */
export function drawKernels(element, { weights, number, rows, columns, channels }) {
  const shown = Math.min(number, MOST);
  const [each, area] = [weights.length / number, rows * columns];
  const opens = rows === columns && rows <= LARGEST && each <= CHANNELS * area && document.querySelector("[data-room=convolve]");
  const form = `${number} ${rows} ${columns} ${channels}`;
  if (element.dataset.form !== form) {
    element.dataset.form = form;
    const canvases = Array.from({ length: shown }, (_, at) => h("canvas", { width: columns, height: rows, role: "img", "aria-label": `kernel ${at + 1}` }));
    element.replaceChildren(...(opens ? canvases.map((canvas) => h("a", { title: "convolve with it" }, canvas)) : canvases),
      ...(shown < number ? [h("p", { class: "note" }, `${shown} of ${number}`)] : []));
  }
  const most = weights.reduce((high, value) => Math.max(high, Math.abs(value)), 1e-6);
  const share = (filter, channel, i) => weights[filter * each + channel * area + i] / most;
  const colour = (filter, i) => (channels === 3 ? [0, 1, 2].map((channel) => 127.5 + 127.5 * share(filter, channel, i)) : signed(share(filter, 0, i)));
  [...element.querySelectorAll("canvas")].forEach((canvas, filter) => {
    paint(canvas, rows, columns, (i) => colour(filter, i));
    if (opens) canvas.parentElement.href = `#room=convolve&k=${encodeURIComponent(numbers(weights.subarray(filter * each, (filter + 1) * each), rows))}`;
  });
}

/** A kernel as the room Convolve reads it: spaces between numbers, / between rows, // between channels. */
function numbers(own, side) {
  const words = [...own].map((value, at) => `${Number(value.toFixed(4))}${(at + 1) % side ? " " : (at + 1) % side ** 2 ? "/" : "//"}`);
  return words.join("").replace(/\/+$/, "");
}

/** The colour of a share from -1 to 1: orange below zero, blue above. */
export function signed(share) {
  const [r, g, b] = share < 0 ? [184, 74, 0] : [0, 105, 168];
  const part = Math.min(1, Math.abs(share));
  return [255 + (r - 255) * part, 255 + (g - 255) * part, 255 + (b - 255) * part];
}

/** Paint a canvas place by place: colour(i) is red, green, blue. */
export function paint(canvas, rows, columns, colour) {
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) image.data.set([...colour(i), 255], 4 * i);
  pen.putImageData(image, 0, 0);
}
