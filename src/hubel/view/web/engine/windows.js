// Operations that look through windows: convolutions of every kind, dense layers, pools.

import { Terms } from "hubel/view/engine/terms";

/** The numbers of windows along rows and columns (a sequence has rows alone), of shapes and of groups. */
export function laid({ windows, groups = 1 }, [height, width, channels], [rows, columns, filters]) {
  const [down, across = { kernel: 1, stride: 1, dilation: 1, before: 0 }] = windows;
  const [kh, sy, dy, top] = [down.kernel, down.stride, down.dilation, down.before];
  const [kw, sx, dx, left] = [across.kernel, across.stride, across.dilation, across.before];
  const [each, own] = [channels / groups, filters / groups]; // channels and filters of a group
  return { kh, kw, sy, sx, dy, dx, top, left, groups, height, width, channels, rows, columns, filters, each, own };
}

/** A convolution; weights are filters × channels of a group × kernel height × kernel width, as PyTorch keeps them. */
export function makeConvolution(settings, input, output, { weight, bias }) {
  const numbers = laid(settings, input, output);
  const { kh, kw, sy, sx, dy, dx, top, left, groups, each, own } = numbers;
  const { height, width, channels, rows, columns, filters } = numbers;
  // for speed: group, four filters, kernel row, kernel column, channel, one of the four; so that four sums stay in
  // registers while the innermost loop runs along the memory of a whole kernel row
  const fours = Math.ceil(own / 4);
  const fast = new Float32Array(groups * fours * kh * kw * each * 4);
  const joined = groups === 1 && dx === 1;
  // the first and the last column whose window lies in the picture as a whole, where it is one stretch of memory
  const within = joined ? Math.ceil(left / sx) : columns;
  const beyond = Math.min(columns - 1, Math.floor((width - kw + left) / sx));

  function refresh() {
    for (let f = 0; f < filters; f++) {
      const four = Math.floor(f / own) * fours + ((f % own) >> 2);
      for (let c = 0; c < each; c++) {
        for (let tap = 0; tap < kh * kw; tap++) {
          fast[((four * kh * kw + tap) * each + c) * 4 + ((f % own) % 4)] = weight[(f * each + c) * kh * kw + tap];
        }
      }
    }
  }

  function run([data], out) {
    for (let four = 0; four < groups * fours; four++) {
      for (let r = 0; r < rows; r++) {
        for (let q = 0; q < columns; q++) {
          if (q >= within && q < beyond) pair(data, out, four, r, q++);
          else place(data, out, four, r, q);
        }
      }
    }
  }

  // two places beside each other, of one group, whose windows leave the picture neither to the left nor to the right: each weight is
  // read once for both
  function pair(data, out, four, r, q) {
    const next = sx * channels;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let e = 0;
    let f = 0;
    let g = 0;
    let h = 0;
    for (let ky = 0; ky < kh; ky++) {
      const y = r * sy - top + ky * dy;
      if (y < 0 || y >= height) continue;
      let i = (y * width + q * sx - left) * channels;
      let w = (four * kh + ky) * kw * channels * 4;
      for (const last = i + kw * channels; i < last; i++, w += 4) {
        const one = data[i];
        const other = data[i + next];
        const first = fast[w];
        a += one * first;
        e += other * first;
        const second = fast[w + 1];
        b += one * second;
        f += other * second;
        const third = fast[w + 2];
        c += one * third;
        g += other * third;
        const fourth = fast[w + 3];
        d += one * fourth;
        h += other * fourth;
      }
    }
    store(out, four, r * columns + q, a, b, c, d);
    store(out, four, r * columns + q + 1, e, f, g, h);
  }

  function store(out, four, place, a, b, c, d) {
    const start = (four % fours) * 4;
    let f = ((four / fours) | 0) * own + start;
    const to = place * filters;
    const more = own - start;
    out[to + f] = bias ? a + bias[f] : a;
    if (more > 1) out[to + ++f] = bias ? b + bias[f] : b;
    if (more > 2) out[to + ++f] = bias ? c + bias[f] : c;
    if (more > 3) out[to + ++f] = bias ? d + bias[f] : d;
  }

  function place(data, out, four, r, q) {
    const group = (four / fours) | 0;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let ky = 0; ky < kh; ky++) {
      const y = r * sy - top + ky * dy;
      if (y < 0 || y >= height) continue;
      const first = q * sx - left;
      // the kernel's columns that lie in the picture: all at once where they are neighbours in memory, else one by one
      let kx = joined ? Math.max(0, -first) : 0;
      const end = joined ? Math.min(kw, width - first) : kw;
      while (kx < end) {
        const x = first + kx * dx;
        const count = joined ? end - kx : 1;
        if (x >= 0 && x < width) {
          let i = (y * width + x) * channels + group * each;
          let w = ((four * kh + ky) * kw + kx) * each * 4;
          for (const last = i + count * each; i < last; i++, w += 4) {
            const value = data[i];
            a += value * fast[w];
            b += value * fast[w + 1];
            c += value * fast[w + 2];
            d += value * fast[w + 3];
          }
        }
        kx += count;
      }
    }
    store(out, four, r * columns + q, a, b, c, d);
  }

  function runDepthwise([data], out) {
    for (let r = 0; r < rows; r++) {
      for (let q = 0; q < columns; q++) {
        for (let f = 0; f < filters; f++) {
          const channel = Math.floor(f / own);
          let sum = 0;
          for (let ky = 0; ky < kh; ky++) {
            const y = r * sy - top + ky * dy;
            if (y < 0 || y >= height) continue;
            for (let kx = 0; kx < kw; kx++) {
              const x = q * sx - left + kx * dx;
              if (x < 0 || x >= width) continue;
              sum += data[(y * width + x) * channels + channel] * weight[(f * kh + ky) * kw + kx];
            }
          }
          out[(r * columns + q) * filters + f] = bias ? sum + bias[f] : sum;
        }
      }
    }
  }

  function terms([data], r, q, f) {
    const found = new Terms();
    const first = Math.floor(f / own) * each;
    for (let c = 0; c < each; c++) {
      for (let ky = 0; ky < kh; ky++) {
        for (let kx = 0; kx < kw; kx++) {
          const from = [r * sy - top + ky * dy, q * sx - left + kx * dx, first + c];
          addAt(found, data, input, from, weight[((f * each + c) * kh + ky) * kw + kx], { tap: [ky, kx, c] });
        }
      }
    }
    return { terms: found.terms, bias: bias ? bias[f] : null };
  }

  function window({ rows: [a, b], columns: [p, q], channels: [f, g] }) {
    return {
      rows: [a * sy - top, b * sy - top + (kh - 1) * dy],
      columns: [p * sx - left, q * sx - left + (kw - 1) * dx],
      channels: [Math.floor(f / own) * each, (Math.floor(g / own) + 1) * each - 1],
    };
  }

  const kernel = [kh, kw, each]; // what there is of one filter, to be changed by hand
  if (each === 1 && groups > 1) return { run: runDepthwise, terms, window, kernel, refresh: () => undefined };
  refresh();
  return { run, terms, window, kernel, refresh };
}

/** A convolution with weights of its own at each place: places × filters × (channels·kernel height·kernel width). */
export function makeLocal(settings, input, output, { weight, bias }) {
  const { kh, kw, sy, sx, top, left, height, width, channels, rows, columns, filters } = laid(settings, input, output);
  const fan = channels * kh * kw;

  function run([data], out) {
    for (let place = 0; place < rows * columns; place++) {
      const y = Math.floor(place / columns) * sy - top;
      const x = (place % columns) * sx - left;
      for (let f = 0; f < filters; f++) {
        let sum = 0;
        let w = (place * filters + f) * fan;
        for (let c = 0; c < channels; c++) {
          for (let ky = 0; ky < kh; ky++) {
            for (let kx = 0; kx < kw; kx++, w++) {
              if (y + ky < 0 || y + ky >= height || x + kx < 0 || x + kx >= width) continue;
              sum += data[((y + ky) * width + x + kx) * channels + c] * weight[w];
            }
          }
        }
        out[place * filters + f] = bias ? sum + bias[place * filters + f] : sum;
      }
    }
  }

  function terms([data], r, q, f) {
    const found = new Terms();
    const unit = (r * columns + q) * filters + f;
    for (let c = 0, w = unit * fan; c < channels; c++) {
      for (let ky = 0; ky < kh; ky++) {
        for (let kx = 0; kx < kw; kx++, w++) {
          addAt(found, data, input, [r * sy - top + ky, q * sx - left + kx, c], weight[w], { tap: [ky, kx, c] });
        }
      }
    }
    return { terms: found.terms, bias: bias ? bias[unit] : null };
  }

  function window({ rows: [a, b], columns: [p, q] }) {
    return {
      rows: [a * sy - top, b * sy - top + kh - 1],
      columns: [p * sx - left, q * sx - left + kw - 1],
      channels: [0, channels - 1],
    };
  }

  return { run, terms, window };
}

/** Every output sees every number of its place (of a vector, all); weights are units × inputs. */
export function makeDense(settings, input, output, { weight, bias }) {
  const inputs = input[2];
  const units = output[2];

  function run([data], out) {
    for (let start = 0, to = 0; start < data.length; start += inputs) {
      for (let u = 0, w = 0; u < units; u++, to++) {
        let sum = 0;
        for (let i = 0; i < inputs; i++, w++) sum += data[start + i] * weight[w];
        out[to] = bias ? sum + bias[u] : sum;
      }
    }
  }

  function terms([data], r, q, u) {
    const found = new Terms();
    const start = (r * input[1] + q) * inputs;
    for (let i = 0; i < inputs; i++) found.add(data[start + i], weight[u * inputs + i], [r, q, i]);
    return { terms: found.terms, bias: bias ? bias[u] : null };
  }

  return { run, terms, window: (region) => ({ ...region, channels: [0, inputs - 1] }) };
}

/** Minus half the squared distance to a code for each unit. */
export function makeRadial(settings, input, output, { weight }) {
  const inputs = input[2];

  function run([data], out) {
    for (let u = 0; u < output[2]; u++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += (data[i] - weight[u * inputs + i]) ** 2;
      out[u] = -sum / 2;
    }
  }

  function terms([data], r, q, u) {
    const found = new Terms();
    for (let i = 0; i < inputs; i++) {
      const code = weight[u * inputs + i];
      found.share(data[i], code, -((data[i] - code) ** 2) / 2, [0, 0, i]);
    }
    return { rule: "radial", terms: found.terms };
  }

  return { run, terms, window: () => everything(input) };
}

/** The largest, or the mean, of spans of rows and columns: [first, end, count to divide by]. */
export function makeSpan({ how, spans: [rows, columns = [[0, 1, 1]]] }, input, output) {
  const [, width, channels] = input;
  const across = columns.length;
  const mean = how === "mean";

  function run([data], out) {
    let to = 0;
    for (const [top, bottom, tall] of rows) {
      for (const [left, right, wide] of columns) {
        for (let c = 0; c < channels; c++, to++) {
          let found = mean ? 0 : -Infinity;
          for (let y = top; y < bottom; y++) {
            for (let x = left; x < right; x++) {
              const value = data[(y * width + x) * channels + c];
              if (mean) found += value;
              else if (value > found) found = value;
            }
          }
          out[to] = mean ? found / (tall * wide) : found;
        }
      }
    }
  }

  function places(place) {
    // a global pool's output is a vector or one place: both are place 0
    return [rows[Math.floor(place / across)], columns[place % across]];
  }

  function terms([data], r, q, c) {
    const [[top, bottom, tall], [left, right, wide]] = places(r * across + q);
    const found = new Terms();
    let best = null;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const value = data[(y * width + x) * channels + c];
        if (mean) found.add(value, 1 / (tall * wide), [y, x, c]);
        else {
          best = best === null || value > best.value ? { value, index: found.terms.length } : best;
          found.terms.push({ value, weight: 0, product: 0, sum: best.value, from: [y, x, c] });
        }
      }
    }
    if (best) Object.assign(found.terms[best.index], { weight: 1, product: best.value, best: true });
    return { rule: how, terms: found.terms };
  }

  function window({ rows: [a, b], columns: [p, q], channels: pair }) {
    return {
      rows: [rows[a][0], rows[b][1] - 1],
      columns: [columns[p][0], columns[q][1] - 1],
      channels: pair,
    };
  }

  return { run, terms, window, keepsSign: true };
}

/** The whole of a source. */
export function everything([rows, columns, channels]) {
  return { rows: [0, rows - 1], columns: [0, columns - 1], channels: [0, channels - 1] };
}

function addAt(terms, data, [height, width, channels], from, weight, more) {
  const [y, x, c] = from;
  const outside = y < 0 || y >= height || x < 0 || x >= width;
  const value = outside ? 0 : data[(y * width + x) * channels + c];
  terms.add(value, weight, from, outside ? { ...more, padded: true } : more);
}
