// The sums of a window operation on a few numbers: sizes with their formula, the terms of one place, and one step of
// learning. Planes are arrays of rows, one a channel.

export const OPERATIONS = {
  conv: { title: "convolution", weights: true, pads: true },
  transposed: { title: "transposed convolution", weights: true, pads: true },
  maxpool: { title: "max pooling", weights: false, pads: false },
  avgpool: { title: "average pooling", weights: false, pads: false },
};

export const ACTIVATIONS = {
  none: { words: "z", of: (z) => z, slope: () => 1 },
  relu: { words: "max(0, z)", of: (z) => Math.max(0, z), slope: (z) => (z > 0 ? 1 : 0) },
  tanh: { words: "tanh z", of: Math.tanh, slope: (z) => 1 - Math.tanh(z) ** 2 },
  sigmoid: { words: "1 / (1 + e⁻ᶻ)", of: (z) => 1 / (1 + Math.exp(-z)), slope: (z) => Math.exp(-z) / (1 + Math.exp(-z)) ** 2 },
};

/** How much is padded before and after an axis: a number for both, or "same", ⌈n/s⌉ places. */
export function padded({ operation, size, stride, padding, dilation }, n) {
  if (!OPERATIONS[operation].pads) return [0, 0];
  if (padding !== "same") return [padding, padding];
  const span = dilation * (size - 1) + 1;
  // a transposed one is the convolution from its output, of n·s places, back to n
  const all = operation === "transposed" ? Math.max(0, span - stride) : Math.max(0, (Math.ceil(n / stride) - 1) * stride + span - n);
  return [Math.floor(all / 2), Math.ceil(all / 2)];
}

/** The size of an axis after the operation: {places, rule, numbers}; {wrong} where nothing is left. */
export function sized(how, n) {
  const { operation, size: k, stride: s, dilation: d } = how;
  const [before, after] = padded(how, n);
  const span = d * (k - 1) + 1;
  const both = before === after ? `2·${before}` : `${before} + ${after}`;
  if (operation === "transposed") {
    const places = (n - 1) * s - before - after + span;
    const rule = "(n − 1)·s − 2p + d·(k − 1) + 1";
    const numbers = `(${n} − 1)·${s} − ${before === after ? both : `(${both})`} + ${d}·(${k} − 1) + 1 = ${places}`;
    return places > 0 ? { places, rule, numbers } : { wrong: `${numbers}: nothing is left. Less padding would leave something.` };
  }
  const whole = n + before + after;
  const rule = OPERATIONS[operation].pads ? "⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1" : "⌊(n − k) / s⌋ + 1";
  if (span > whole) {
    const more = OPERATIONS[operation].pads ? `padding of ${Math.ceil((span - n) / 2)}, ` : "";
    return { wrong: `The window is ${span} places long${d > 1 ? ` (${d}·(${k} − 1) + 1)` : ""}, the input with its padding ${whole}: it fits nowhere. ${more ? "P" : "A s"}${more ? more.slice(1) : "maller window, "}${more ? "a smaller window " : ""}or a larger input would do.` };
  }
  const places = Math.floor((whole - span) / s) + 1;
  const inner = OPERATIONS[operation].pads ? `${n} + ${both} − ${d}·(${k} − 1) − 1` : `${n} − ${k}`;
  const left = (whole - span) % s;
  const note = left ? `; the last ${left === 1 ? "place" : `${left} places`} of the input ${left === 1 ? "is" : "are"} never seen` : "";
  return { places, rule, numbers: `⌊(${inner}) / ${s}⌋ + 1 = ${places}${note}` };
}

/** Which places of an axis meet which of the kernel's for the place `at` of the output: [[input or null, kernel], …]. */
function met(how, n, at) {
  const { operation, size, stride, dilation } = how;
  const [before] = padded(how, n);
  const found = [];
  for (let j = 0; j < size; j++) {
    if (operation === "transposed") {
      const from = at + before - dilation * j;
      if (from % stride === 0) found.push([from / stride >= 0 && from / stride < n ? from / stride : null, j]);
    } else {
      const from = at * stride - before + dilation * j;
      found.push([from >= 0 && from < n ? from : null, j]);
    }
  }
  return found;
}

/** What one place of the output is made of: [{channel, row, column, y, x, value, weight}], y and x of the kernel. */
export function terms(how, planes, kernel, row, column) {
  const rows = met(how, planes[0].length, row);
  const columns = met(how, planes[0][0].length, column);
  return planes.flatMap((plane, channel) => rows.flatMap(([top, y]) => columns.map(([left, x]) => {
    const isInside = top !== null && left !== null;
    return { channel, row: top, column: left, y, x, isInside, value: isInside ? plane[top][left] : 0, weight: kernel[channel][y][x] };
  })));
}

/** A place's number before bias and activation. */
export function summed(how, found) {
  if (how.operation === "maxpool") return Math.max(...found.map(({ value }) => value));
  const all = found.reduce((sum, { value, weight }) => sum + value * weight, 0);
  return all;
}

/** The whole output: for pools a plane a channel, else one. */
export function output(how, planes, kernel, bias, activation) {
  const [rows, columns] = [sized(how, planes[0].length).places, sized(how, planes[0][0].length).places];
  const groups = OPERATIONS[how.operation].weights ? [[planes, kernel]] : planes.map((plane, channel) => [[plane], [kernel[channel]]]);
  return groups.map(([own, weights]) => Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) =>
    ACTIVATIONS[activation].of(summed(how, terms(how, own, weights, row, column)) + bias))));
}

/** One step down the gradient of ½(y − wanted)² at one place: {y, z, loss, slope, delta, weights, bias}, the last two as
 * they are afterwards. */
export function learned(how, planes, kernel, bias, activation, place, wanted, rate) {
  const found = terms(how, planes, kernel, ...place);
  const z = summed(how, found) + bias;
  const { of, slope } = ACTIVATIONS[activation];
  const [y, own] = [of(z), slope(z)];
  const delta = (y - wanted) * own;
  const weights = kernel.map((plane) => plane.map((line) => [...line]));
  const gradients = kernel.map((plane) => plane.map((line) => line.map(() => 0)));
  for (const term of found) {
    gradients[term.channel][term.y][term.x] += delta * term.value;
    weights[term.channel][term.y][term.x] -= rate * delta * term.value;
  }
  return { y, z, slope: own, delta, loss: (y - wanted) ** 2 / 2, gradients, weights, bias: bias - rate * delta };
}
