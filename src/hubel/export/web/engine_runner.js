// The page's own engine as what computes answers.

import { load } from "hubel/view/engine/model";

export async function makeRunner() {
  const packed = JSON.parse(document.getElementById("model").textContent);
  const model = load(packed);
  async function scores(pixels) {
    const { input } = model.prepare(pixels);
    model.run(input);
    const [rows, columns, classes] = model.result.shape;
    if (!packed.views) return { values: model.scores, rows, columns, classes };
    const values = Float32Array.from(model.scores);
    const [height, width, channels] = packed.input;
    model.run(mirrored(input, height, width, channels));
    const { order, signs } = packed.views;
    const other = mirrored(model.scores, rows, columns, classes);
    for (let i = 0; i < values.length; i++) {
      const c = i % classes;
      values[i] = (values[i] + (order.length ? signs[c] * other[i - c + order[c]] : other[i])) / 2;
    }
    return { values, rows, columns, classes };
  }
  return {
    packed,
    shares: async (pixels) => {
      model.run(model.prepare(pixels).input);
      return packed.listed ? valuesOf(model.result.data, packed.listed) : [...model.probabilities];
    },
    scores,
  };
}

/** The outcome of a network that gives a number a class: bent by a sigmoid where it has none of its own, and scaled. */
function valuesOf(data, { bent, scale, shift }) {
  return Array.from(data, (value, i) => (bent ? 1 / (1 + Math.exp(-value)) : value) * (scale[i] ?? 1) + (shift[i] ?? 0));
}

/** Numbers of rows, columns and channels, left and right exchanged. */
function mirrored(values, rows, columns, channels) {
  const found = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + columns - 1 - column) * channels;
      for (let c = 0; c < channels; c++) found[(row * columns + column) * channels + c] = values[from + c];
    }
  }
  return found;
}
