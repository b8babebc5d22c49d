// Operations that leave places where they are: activations, factors, normalisations, gates.

import { activate, logSum } from "hubel/view/engine/activations";
import { single, Terms } from "hubel/view/engine/terms";

const same = (region) => region;

function at([, columns, channels], row, column, channel) {
  return (row * columns + column) * channels + channel;
}

/** A function of each number. */
export function makeActivation({ function: name, constants }, input) {
  const channels = input[2];
  const ofAll = name === "softmax" || name === "log_softmax";
  return {
    run: ([data], out) => activate(name, data, out, channels, constants),
    terms([data], r, q, c) {
      if (name === "log_softmax")
        return single(data[at(input, r, q, c)], [r, q, c], 1, { bias: -logSum(data, at(input, r, q, 0), channels) });
      if (!ofAll)
        return single(data[at(input, r, q, c)], [r, q, c], 1, { rule: "function", function: name });
      const start = at(input, r, q, 0);
      const found = new Terms();
      const largest = data.slice(start, start + channels).reduce((a, b) => Math.max(a, b), -Infinity);
      for (let i = 0; i < channels; i++) {
        found.share(data[start + i], null, Math.exp(data[start + i] - largest), [r, q, i], { best: i === c });
      }
      return { rule: "softmax", function: name, terms: found.terms };
    },
    window: (region) => (ofAll ? { ...region, channels: [0, channels - 1] } : region),
  };
}

/** A learned factor for what is below zero, one a channel or one for all. */
export function makeSlope({ shared }, input, output, { weight }) {
  const channels = input[2];
  const factor = (value, c) => (value < 0 ? weight[shared ? 0 : c] : 1);
  return {
    run([data], out) {
      for (let i = 0; i < data.length; i++) out[i] = data[i] * factor(data[i], i % channels);
    },
    terms([data], r, q, c) {
      const value = data[at(input, r, q, c)];
      return single(value, [r, q, c], factor(value, c));
    },
    window: same,
  };
}

/** Nothing at all. */
export function makeIdentity(settings, input) {
  return {
    run: ([data], out) => out.set(data),
    terms: ([data], r, q, c) => single(data[at(input, r, q, c)], [r, q, c]),
    window: same,
    isIdentity: true,
    keepsSign: true,
  };
}

/** A factor, and a shift, for each channel, or one of the two. */
export function makeAffine(settings, input, output, { weight, bias }) {
  const channels = input[2];
  return {
    run([data], out) {
      for (let i = 0, c = 0; i < data.length; i++, c = c + 1 === channels ? 0 : c + 1) {
        out[i] = data[i] * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);
      }
    },
    terms: ([data], r, q, c) =>
      single(data[at(input, r, q, c)], [r, q, c], weight ? weight[c] : 1, { bias: bias ? bias[c] : null }),
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

/** Normalise by a mean and a variance: those that training left, the place's, or those of groups of channels. */
export function makeNormalise(settings, input, output, arrays) {
  const makers = { batch: byStored, place: byPlace, groups: byGroup };
  return makers[settings.over](settings, input, output, arrays);
}

function byStored({ epsilon }, input, output, { weight, bias, mean, variance }) {
  const factors = Float64Array.from(variance, (value, c) => (weight ? weight[c] : 1) / Math.sqrt(value + epsilon));
  const shifts = factors.map((factor, c) => (bias ? bias[c] : 0) - factor * mean[c]);
  return makeAffine({}, input, output, { weight: factors, bias: shifts });
}

function scaling({ weight, bias }) {
  const scaled = (value, mean, factor, c) =>
    (value - mean) * factor * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);
  const term = (value, from, [mean, factor]) => {
    const slope = factor * (weight ? weight[from[2]] : 1);
    return single(value, from, slope, { bias: scaled(value, mean, factor, from[2]) - value * slope, mean, factor });
  };
  return { scaled, term };
}

function byPlace({ epsilon }, input, output, arrays) {
  const channels = input[2];
  const { scaled, term } = scaling(arrays);
  const of = (data, start) => moments(data.subarray(start, start + channels), epsilon);
  return {
    run([data], out) {
      for (let start = 0; start < data.length; start += channels) {
        const [mean, factor] = of(data, start);
        for (let c = 0; c < channels; c++) out[start + c] = scaled(data[start + c], mean, factor, c);
      }
    },
    terms: ([data], r, q, c) => term(data[at(input, r, q, c)], [r, q, c], of(data, at(input, r, q, 0))),
    window: (region) => ({ ...region, channels: [0, channels - 1] }),
  };
}

function byGroup({ groups, epsilon }, input, output, arrays) {
  const channels = input[2];
  const each = channels / groups;
  const { scaled, term } = scaling(arrays);
  function of(data, group) {
    const values = new Float64Array((data.length / channels) * each);
    for (let start = group * each, i = 0; start < data.length; start += channels) {
      for (let c = 0; c < each; c++) values[i++] = data[start + c];
    }
    return moments(values, epsilon);
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
    terms: ([data], r, q, c) => term(data[at(input, r, q, c)], [r, q, c], of(data, Math.floor(c / each))),
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

/** Weigh each channel by its norm over all places, divided by the mean of all channels' norms. */
export function makeCompetition({ epsilon }, input, output, { weight, bias }) {
  const channels = input[2];
  function factors(data) {
    const norms = new Float64Array(channels);
    for (let i = 0; i < data.length; i++) norms[i % channels] += data[i] ** 2;
    let mean = 0;
    for (let c = 0; c < channels; c++) mean += (norms[c] = Math.sqrt(norms[c])) / channels;
    return norms.map((norm, c) => 1 + (weight[c] * norm) / (mean + epsilon));
  }
  return {
    run([data], out) {
      const found = factors(data);
      for (let i = 0, c = 0; i < data.length; i++, c = c + 1 === channels ? 0 : c + 1) out[i] = data[i] * found[c] + bias[c];
    },
    terms: ([data], r, q, c) => single(data[at(input, r, q, c)], [r, q, c], factors(data)[c], { bias: bias[c] }),
    window: same, // the norms see everything; as in the tree, the field is what the number itself sees
  };
}
