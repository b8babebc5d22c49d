// Operations that leave places where they are: activations, factors, normalisations, gates.

import { activate } from "hubel/engine_activations";
import { single, Terms } from "hubel/engine_terms";
import { everything } from "hubel/engine_windows";

const same = (region) => region;

function at([, columns, channels], row, column, channel) {
  return (row * columns + column) * channels + channel;
}

/** A function of each number. */
export function makeActivation({ function: name, slope }, input) {
  const channels = input[2];
  return {
    run: ([data], out) => activate(name, data, out, channels, slope),
    terms([data], r, q, c) {
      if (name !== "softmax")
        return single(data[at(input, r, q, c)], [r, q, c], 1, { rule: "function", function: name });
      const start = at(input, r, q, 0);
      const found = new Terms();
      const largest = data.slice(start, start + channels).reduce((a, b) => Math.max(a, b), -Infinity);
      for (let i = 0; i < channels; i++) {
        found.share(data[start + i], null, Math.exp(data[start + i] - largest), [r, q, i], { best: i === c });
      }
      return { rule: "softmax", function: name, terms: found.terms };
    },
    window: (region) => (name === "softmax" ? { ...region, channels: [0, channels - 1] } : region),
  };
}

/** Nothing at all. */
export function makeIdentity(settings, input) {
  return {
    run: ([data], out) => out.set(data),
    terms: ([data], r, q, c) => single(data[at(input, r, q, c)], [r, q, c]),
    window: same,
  };
}

/** A factor, and a shift, for each channel: batch normalisation and scale. */
export function makeAffine(settings, input, output, { weight, bias }) {
  const channels = input[2];
  return {
    run([data], out) {
      for (let i = 0, c = 0; i < data.length; i++, c = c + 1 === channels ? 0 : c + 1) {
        out[i] = data[i] * weight[c] + (bias ? bias[c] : 0);
      }
    },
    terms: ([data], r, q, c) => single(data[at(input, r, q, c)], [r, q, c], weight[c], { bias: bias ? bias[c] : null }),
    window: same,
  };
}

/** Mean and 1/deviation of numbers `start, start + step, …`, as PyTorch has it (two passes, divided by the count). */
function moments(values, epsilon) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return [mean, 1 / Math.sqrt(squares / values.length + epsilon)];
}

/** Normalise the channels of each place. */
export function makeLayerNorm({ epsilon }, input, output, { weight, bias }) {
  const channels = input[2];
  function of(data, start) {
    return moments(data.subarray(start, start + channels), epsilon);
  }
  return {
    run([data], out) {
      for (let start = 0; start < data.length; start += channels) {
        const [mean, factor] = of(data, start);
        for (let c = 0; c < channels; c++) out[start + c] = scaled(data[start + c], mean, factor, c);
      }
    },
    terms: ([data], r, q, c) => normalised(data[at(input, r, q, c)], [r, q, c], of(data, at(input, r, q, 0))),
    window: (region) => ({ ...region, channels: [0, channels - 1] }),
  };
  function scaled(value, mean, factor, c) {
    return (value - mean) * factor * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);
  }
  function normalised(value, from, [mean, factor]) {
    const c = from[2];
    const slope = factor * (weight ? weight[c] : 1);
    return single(value, from, slope, { bias: scaled(value, mean, factor, c) - value * slope, mean, factor });
  }
}

/** Normalise groups of channels over the whole picture. */
export function makeGroupNorm({ groups, epsilon }, input, output, { weight, bias }) {
  const channels = input[2];
  const each = channels / groups;
  function of(data, group) {
    const values = new Float64Array((data.length / channels) * each);
    for (let start = group * each, i = 0; start < data.length; start += channels) {
      for (let c = 0; c < each; c++) values[i++] = data[start + c];
    }
    return moments(values, epsilon);
  }
  function scaled(value, mean, factor, c) {
    return (value - mean) * factor * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);
  }
  return {
    run([data], out) {
      for (let group = 0; group < groups; group++) {
        const [mean, factor] = of(data, group);
        for (let start = 0; start < data.length; start += channels) {
          for (let c = group * each; c < (group + 1) * each; c++)
            out[start + c] = scaled(data[start + c], mean, factor, c);
        }
      }
    },
    terms([data], r, q, c) {
      const [mean, factor] = of(data, Math.floor(c / each));
      const value = data[at(input, r, q, c)];
      const slope = factor * (weight ? weight[c] : 1);
      return single(value, [r, q, c], slope, { bias: scaled(value, mean, factor, c) - value * slope, mean, factor });
    },
    window: same, // the statistics see everything; as in the tree, the field is what the number itself sees
  };
}

/** Divide by a power of the mean square of neighbouring channels. */
export function makeLocalResponse({ size, alpha, beta, k }, input) {
  const channels = input[2];
  const below = Math.floor(size / 2);
  function divisor(data, start, c) {
    let squares = 0;
    const last = Math.min(channels - 1, c - below + size - 1);
    for (let i = Math.max(0, c - below); i <= last; i++) squares += data[start + i] ** 2;
    return (k + (alpha * squares) / size) ** beta;
  }
  return {
    run([data], out) {
      for (let start = 0; start < data.length; start += channels) {
        for (let c = 0; c < channels; c++) out[start + c] = data[start + c] / divisor(data, start, c);
      }
    },
    terms: ([data], r, q, c) => single(data[at(input, r, q, c)], [r, q, c], 1 / divisor(data, at(input, r, q, 0), c)),
    window: (region) => ({ ...region, channels: [region.channels[0] - below, region.channels[1] - below + size - 1] }),
  };
}

/** Squeeze and excitation: each channel times a gate that two small layers make of the means. */
export function makeExcite(settings, input, output, weights) {
  const [rows, columns, channels] = input;
  const narrow = weights["squeeze.bias"].length;
  function gates(data) {
    const means = new Float64Array(channels);
    for (let i = 0; i < data.length; i++) means[i % channels] += data[i];
    const squeezed = layer(
      means.map((sum) => sum / (rows * columns)),
      "squeeze",
      narrow,
      (x) => Math.max(x, 0),
    );
    return layer(squeezed, "excite", channels, (x) => 1 / (1 + Math.exp(-x)));
  }
  function layer(values, name, units, then) {
    const found = new Float64Array(units);
    for (let u = 0; u < units; u++) {
      let sum = weights[`${name}.bias`][u];
      for (let i = 0; i < values.length; i++) sum += values[i] * weights[`${name}.weight`][u * values.length + i];
      found[u] = then(sum);
    }
    return found;
  }
  return {
    run([data], out) {
      const factors = gates(data);
      for (let i = 0; i < data.length; i++) out[i] = data[i] * factors[i % channels];
    },
    terms: ([data], r, q, c) => single(data[at(input, r, q, c)], [r, q, c], gates(data)[c]),
    window: () => everything(input),
  };
}
