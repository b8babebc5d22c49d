// The convolution that spreads each number over a window of the output.

import { Terms } from "hubel/view/engine/terms";
import { laid } from "hubel/view/engine/windows";

/** A transposed convolution; weights are channels × filters of a group × kernel height × kernel width. */
export function makeTransposed(settings, input, output, { weight, bias }) {
  const numbers = laid(settings, input, output);
  const { kh, kw, sy, sx, dy, dx, top, left, each, own } = numbers;
  const { height, width, channels, rows, columns, filters } = numbers;
  const sums = new Float64Array(rows * columns * filters);

  function run([data], out) {
    sums.fill(0);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < channels; c++) {
          const value = data[(y * width + x) * channels + c];
          if (value !== 0) spreadOut(value, y, x, c);
        }
      }
    }
    for (let i = 0; i < sums.length; i++) out[i] = bias ? sums[i] + bias[i % filters] : sums[i];
  }

  function spreadOut(value, y, x, c) {
    const first = Math.floor(c / each) * own;
    for (let ky = 0; ky < kh; ky++) {
      const r = y * sy + ky * dy - top;
      if (r < 0 || r >= rows) continue;
      for (let kx = 0; kx < kw; kx++) {
        const q = x * sx + kx * dx - left;
        if (q < 0 || q >= columns) continue;
        const to = (r * columns + q) * filters + first;
        for (let f = 0; f < own; f++) sums[to + f] += value * weight[((c * own + f) * kh + ky) * kw + kx];
      }
    }
  }

  function terms([data], r, q, f) {
    const found = new Terms();
    const first = Math.floor(f / own) * each;
    for (let c = first; c < first + each; c++) {
      for (let ky = 0; ky < kh; ky++) {
        const y = (r + top - ky * dy) / sy;
        if (!Number.isInteger(y) || y < 0 || y >= height) continue;
        for (let kx = 0; kx < kw; kx++) {
          const x = (q + left - kx * dx) / sx;
          if (!Number.isInteger(x) || x < 0 || x >= width) continue;
          const value = data[(y * width + x) * channels + c];
          found.add(value, weight[((c * own + (f % own)) * kh + ky) * kw + kx], [y, x, c], {
            tap: [ky, kx, c - first],
          });
        }
      }
    }
    return { terms: found.terms, bias: bias ? bias[f] : null };
  }

  function window({ rows: pair, columns: other, channels: [f, g] }) {
    const seen = [fedBy(pair, sy, top, kh, dy), fedBy(other, sx, left, kw, dx)];
    if (!seen[0] || !seen[1]) return null; // only the bias lands here
    return {
      rows: seen[0],
      columns: seen[1],
      channels: [Math.floor(f / own) * each, (Math.floor(g / own) + 1) * each - 1],
    };
  }

  return { run, terms, window };
}

// the first and the last input whose kernel lands on one of these outputs
function fedBy([first, last], stride, before, kernel, dilation) {
  let found = null;
  for (let o = first; o <= last; o++) {
    for (let tap = 0; tap < kernel; tap++) {
      const place = o + before - tap * dilation;
      if (place % stride) continue;
      const from = place / stride;
      found = found ? [Math.min(found[0], from), Math.max(found[1], from)] : [from, from];
    }
  }
  return found;
}
