// What a network sees of a sound, drawn for people: with time and pitch along its sides, or a wave's outline.

import { h } from "hubel/view/dom";
import { HOP, pitch, RATE } from "hubel/view/sound/seen";

const PITCHES = [500, 1000, 2000, 4000]; // hertz that are named
const TALL = 64; // rows of an outline

/** How long a sound is of which a network with such a preprocessing sees all, in seconds. */
export const secondsSeen = ({ height, width }) => (width === 1 ? height : width * HOP) / RATE;

/** A figure of what is seen ({width, height, data}) by a network with such a preprocessing. */
export function heardAs(seen, rules) {
  const isWave = rules.width === 1;
  const picture = isWave ? outline(seen.data) : seen;
  const label = isWave ? "the wave that the network hears" : "the spectrogram that the network sees";
  const canvas = h("canvas", { width: picture.width, height: picture.height, role: "img", "aria-label": label });
  canvas.getContext("2d").putImageData(inGrey(picture), 0, 0);
  const seconds = secondsSeen(rules);
  const middle = `${(seconds / 2).toFixed(2)} s`;
  const times = h("div", { class: "times" }, ["0", middle, `${seconds.toFixed(2)} s`].map((words) => h("span", {}, words)));
  return h("div", { class: isWave ? "heard" : "heard pitched" }, isWave ? null : pitches(), canvas, times);
}

/** A byte a pixel as pixels of a canvas. */
export function inGrey({ width, height, data }) {
  const pixels = new ImageData(width, height);
  data.forEach((value, i) => pixels.data.set([value, value, value, 255], 4 * i));
  return pixels;
}

function pitches() {
  const at = (hertz) => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 20; i++) [low, high] = pitch((low + high) / 2) < hertz ? [(low + high) / 2, high] : [low, (low + high) / 2];
    return low;
  };
  const named = PITCHES.map((hertz) => h("span", { style: `bottom: ${(100 * at(hertz)).toFixed(1)}%` }, `${hertz / 1000} kHz`));
  return h("div", { class: "pitches" }, named);
}

// between the lowest and the highest sample of each stretch, white on black
function outline(codes) {
  const width = Math.min(320, codes.length);
  const data = new Uint8ClampedArray(width * TALL);
  for (let x = 0; x < width; x++) {
    const stretch = codes.subarray(Math.floor((x * codes.length) / width), Math.ceil(((x + 1) * codes.length) / width));
    const [highest, lowest] = [Math.max, Math.min].map((most) => sample(stretch.reduce((a, b) => most(a, b))));
    for (let y = 0; y < TALL; y++) {
      const value = 1 - (2 * y) / (TALL - 1);
      if (value <= highest + 1 / TALL && value >= lowest - 1 / TALL) data[y * width + x] = 255;
    }
  }
  return { width, height: TALL, data };
}

function sample(code) {
  const curved = (code / 255) * 2 - 1;
  return (Math.sign(curved) * Math.expm1(Math.abs(curved) * Math.log1p(255))) / 255;
}
