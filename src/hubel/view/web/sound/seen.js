// From a sound to what a network sees of it, as `hubel.data.decode.sound` makes it: a log-mel spectrogram, or of a
// network of samples the waveform's codes.

import { resized, rint } from "hubel/view/engine/pixels";
import { resampled, transform } from "hubel/view/sound/fourier";
import { middle, notesOf, readWave } from "hubel/view/sound/wave";

export const RATE = 16000;
export const HOP = 160; // samples a step
const [BANDS, WINDOW, POINTS] = [64, 400, 512];
const DECIBELS = 80;
const [CODES, SILENCE] = [255, 128];

/** What a network with such a preprocessing sees of a WAV file's bytes: {width, height, data (a byte a pixel), notes}. */
export function soundSeen(bytes, { height, width }) {
  const sound = readWave(bytes);
  const samples = resampled(middle(sound), sound.rate, RATE);
  const seen = width === 1 ? waveform(samples, height) : atLength(spectrogram(samples), height, width);
  return { ...seen, notes: notesOf(sound, RATE, width === 1 ? height / RATE : (width * HOP) / RATE) };
}

function spectrogram(samples) {
  const steps = Math.max(1, Math.ceil(samples.length / HOP));
  const bands = melBands();
  const shape = Float64Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
  const decibels = new Float64Array(BANDS * steps);
  const [re, im] = [new Float64Array(POINTS), new Float64Array(POINTS)];
  let loudest = -Infinity;
  for (let step = 0; step < steps; step++) {
    re.fill(0);
    im.fill(0);
    for (let i = 0, at = step * HOP - WINDOW / 2; i < WINDOW; i++, at++) re[i] = (samples[at] ?? 0) * shape[i];
    transform(re, im);
    for (let band = 0; band < BANDS; band++) {
      const [first, weights] = bands[band];
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * (re[first + i] ** 2 + im[first + i] ** 2);
      const value = 10 * Math.log10(Math.max(sum, 1e-10));
      decibels[(BANDS - 1 - band) * steps + step] = value; // the highest on top
      loudest = Math.max(loudest, value);
    }
  }
  const data = new Uint8ClampedArray(BANDS * steps);
  if (loudest <= -99) return { width: steps, height: BANDS, data };
  for (let i = 0; i < data.length; i++) {
    data[i] = rint(255 * Math.min(1, Math.max(0, 1 + (decibels[i] - loudest) / DECIBELS)));
  }
  return { width: steps, height: BANDS, data };
}

/** The pitch in hertz at so much of the mel scale from 0 to half the rate. */
export const pitch = (share) => 700 * (10 ** ((share * 2595 * Math.log10(1 + RATE / 2 / 700)) / 2595) - 1);

let triangles = null;

// of each band the first frequency that it hears, and the weights from there on
function melBands() {
  triangles ??= Array.from({ length: BANDS }, (_, band) => {
    const [low, top, high] = [0, 1, 2].map((more) => pitch((band + more) / (BANDS + 1)));
    const weights = Array.from({ length: POINTS / 2 + 1 }, (_, i) => {
      const frequency = (i * RATE) / POINTS;
      return Math.max(0, Math.min((frequency - low) / (top - low), (high - frequency) / (high - top)));
    });
    const first = Math.max(0, weights.findIndex((weight) => weight > 0));
    return [first, weights.slice(first, weights.findLastIndex((weight) => weight > 0) + 1)];
  });
  return triangles;
}

function atLength(whole, height, width) {
  const image = whole.height === height ? whole : resized(whole, height, whole.width);
  const left = Math.floor((image.width - width) / 2);
  const data = new Uint8ClampedArray(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = Math.max(0, -left); x < Math.min(width, image.width - left); x++) {
      data[y * width + x] = image.data[y * image.width + left + x];
    }
  }
  return { width, height, data };
}

function waveform(samples, steps) {
  const data = new Uint8ClampedArray(steps).fill(SILENCE);
  const cut = Math.max(0, Math.floor((samples.length - steps) / 2));
  const before = Math.max(0, Math.floor((steps - samples.length) / 2));
  for (let i = 0; i < Math.min(steps, samples.length); i++) {
    const kept = Math.min(1, Math.max(-1, samples[cut + i]));
    const curved = (Math.sign(kept) * Math.log1p(CODES * Math.abs(kept))) / Math.log1p(CODES);
    data[before + i] = Math.floor(((curved + 1) / 2) * CODES + 0.5);
  }
  return { width: 1, height: steps, data };
}
