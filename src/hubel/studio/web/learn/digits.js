// Handwritten digits: the 10,000 of MNIST's test part, of which the last 2,000 are never learnt from.

import { file } from "hubel/studio/asking";

const [HELD_OUT, HEAD, LABEL_HEAD] = [2000, 16, 8]; // bytes before the pixels and the labels of IDX files
export const SIDE = 28;
export const MEAN = 0.1307; // of MNIST's pixels, as is the next
export const DEVIATION = 0.3081;

/** {images: Uint8Array, labels: Uint8Array, number, training, at(index) → Float32Array, pixels(index)}. */
export async function digits() {
  const [images, labels] = await Promise.all(["digits/images.bin", "digits/labels.bin"].map(unpacked));
  const number = labels.length - LABEL_HEAD;
  const example = new Float32Array(SIDE * SIDE);
  const pixels = (index) => images.subarray(HEAD + index * SIDE * SIDE, HEAD + (index + 1) * SIDE * SIDE);
  return {
    number, training: number - HELD_OUT, side: SIDE,
    label: (index) => labels[LABEL_HEAD + index],
    pixels,
    at(index) {
      const own = pixels(index);
      for (let i = 0; i < own.length; i++) example[i] = (own[i] / 255 - MEAN) / DEVIATION;
      return example;
    },
  };
}

async function unpacked(place) {
  const found = await file(place);
  if (!found.ok) throw Error(`${place}: ${found.status}`);
  const stream = found.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
