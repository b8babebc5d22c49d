// Operations that move numbers about, and the two ways in which branches meet.

import { single, Terms } from "hubel/view/engine/terms";

/** The same numbers in another shape, read channel after channel, as PyTorch keeps them. */
export function makeView(settings, input, output) {
  const count = input[0] * input[1] * input[2];
  // where each number of the output comes from, both in the order row, column, channel
  const source = new Int32Array(count);
  for (let i = 0; i < count; i++) source[placeOf(i, output)] = placeOf(i, input);
  return {
    run([data], out) {
      for (let i = 0; i < count; i++) out[i] = data[source[i]];
    },
    terms([data], r, q, c) {
      const index = source[(r * output[1] + q) * output[2] + c];
      return single(data[index], coordinates(index, input));
    },
    keepsSign: true,
    window(region) {
      let found = null;
      for (let r = region.rows[0]; r <= region.rows[1]; r++) {
        for (let q = region.columns[0]; q <= region.columns[1]; q++) {
          for (let c = region.channels[0]; c <= region.channels[1]; c++) {
            const [y, x, k] = coordinates(source[(r * output[1] + q) * output[2] + c], input);
            found = found || { rows: [y, y], columns: [x, x], channels: [k, k] };
            widen(found.rows, y);
            widen(found.columns, x);
            widen(found.channels, k);
          }
        }
      }
      return found;
    },
  };
}

/** Numbers before and after, along rows, columns and channels: zeros, the mirror image, the edge; less than zero cuts. */
export function makePad({ sides, fill }, input, output) {
  const [height, width, channels] = input;
  const [rows, columns, all] = output;
  // a sequence has rows and channels, a vector channels alone
  const [[top], [left], [front]] = [sides.at(-3) || sides.at(-2) || [0], sides.at(-3) ? sides.at(-2) : [0], sides.at(-1)];
  const filled = fill || "zeros";
  const down = sourcesOf(rows, height, top, filled);
  const across = sourcesOf(columns, width, left, filled);
  const deep = sourcesOf(all, channels, front, "zeros");
  return {
    run([data], out) {
      let to = 0;
      for (const y of down) {
        for (const x of across) {
          const from = (y * width + x) * channels;
          for (const k of deep) out[to++] = y < 0 || x < 0 || k < 0 ? 0 : data[from + k];
        }
      }
    },
    terms([data], r, q, c) {
      const [y, x, k] = [down[r], across[q], deep[c]];
      return y < 0 || x < 0 || k < 0 ? { terms: [] } : single(data[(y * width + x) * channels + k], [y, x, k]);
    },
    window: ({ rows: [a, b], columns: [p, q], channels: pair }) => ({
      rows: filled === "zeros" ? [a - top, b - top] : reach(down, a, b),
      columns: filled === "zeros" ? [p - left, q - left] : reach(across, p, q),
      channels: pair.map((c) => c - front),
    }),
    keepsSign: true,
  };
}

// for each place along an axis of the output, the input's that it takes; -1 for zero
function sourcesOf(count, length, before, fill) {
  return Array.from({ length: count }, (_, i) => {
    const place = i - before;
    if (fill === "reflect") return length - 1 - Math.abs(length - 1 - Math.abs(place));
    if (fill === "edge") return Math.min(Math.max(place, 0), length - 1);
    if (fill === "wrap") return (place + length) % length;
    return place >= 0 && place < length ? place : -1;
  });
}

function reach(sources, first, last) {
  const seen = sources.slice(first, last + 1);
  return [Math.min(...seen), Math.max(...seen)];
}

/** Numbers moved between channels and blocks of places: `spread` makes places of channels, `gather` channels of places. */
export function makeBlocks({ size, how }, input, output) {
  const spreads = how === "spread";
  const source = (r, q, c) => {
    if (spreads) {
      const within = (r % size) * size + (q % size);
      return [Math.floor(r / size), Math.floor(q / size), c * size * size + within];
    }
    const within = c % (size * size);
    return [r * size + Math.floor(within / size), q * size + (within % size), Math.floor(c / (size * size))];
  };
  const index = ([y, x, k]) => (y * input[1] + x) * input[2] + k;
  const through = ([a, b]) =>
    spreads ? [Math.floor(a / size), Math.floor(b / size)] : [a * size, b * size + size - 1];
  return {
    run([data], out) {
      for (let r = 0, to = 0; r < output[0]; r++) {
        for (let q = 0; q < output[1]; q++) {
          for (let c = 0; c < output[2]; c++, to++) out[to] = data[index(source(r, q, c))];
        }
      }
    },
    terms([data], r, q, c) {
      const from = source(r, q, c);
      return single(data[index(from)], from);
    },
    window({ rows, columns, channels: [first, last] }) {
      const count = size * size;
      const channels = spreads ? [first * count, last * count + count - 1] : [Math.floor(first / count), Math.floor(last / count)];
      return { rows: through(rows), columns: through(columns), channels };
    },
    keepsSign: true,
  };
}

/** Chosen channels in a chosen order: selection and shuffling. */
export function makeSelect({ channels: chosen }, input) {
  const channels = input[2];
  return {
    run([data], out) {
      for (let i = 0; i < out.length; i++) {
        out[i] = data[Math.floor(i / chosen.length) * channels + chosen[i % chosen.length]];
      }
    },
    terms: ([data], r, q, c) => single(data[(r * input[1] + q) * channels + chosen[c]], [r, q, chosen[c]]),
    window(region) {
      const seen = chosen.slice(region.channels[0], region.channels[1] + 1);
      return { ...region, channels: [Math.min(...seen), Math.max(...seen)] };
    },
    keepsSign: true,
  };
}

/** A picture of another size: rows and columns taken, or neighbours mixed (half-pixel centres, edges repeated). */
export function makeUpsample({ interpolation, aligned }, input, output) {
  const [height, width, channels] = input;
  const [rows, columns] = output;
  const down = mixes(rows, height, interpolation, aligned);
  const across = mixes(columns, width, interpolation, aligned);
  return {
    run([data], out) {
      let to = 0;
      for (const [y, z, dy] of down) {
        for (const [x, w, dx] of across) {
          const corners = [y * width + x, y * width + w, z * width + x, z * width + w].map((i) => i * channels);
          const shares = [(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx];
          for (let c = 0; c < channels; c++, to++) {
            let sum = 0;
            for (let i = 0; i < 4; i++) if (shares[i]) sum += shares[i] * data[corners[i] + c];
            out[to] = sum;
          }
        }
      }
    },
    terms([data], r, q, c) {
      const [y, z, dy] = down[r];
      const [x, w, dx] = across[q];
      const found = new Terms();
      for (const [row, share] of [
        [y, 1 - dy],
        [z, dy],
      ]) {
        for (const [column, other] of [
          [x, 1 - dx],
          [w, dx],
        ]) {
          if (share * other) found.add(data[(row * width + column) * channels + c], share * other, [row, column, c]);
        }
      }
      return { terms: found.terms };
    },
    window: ({ rows: [a, b], columns: [p, q], channels: pair }) => ({
      rows: seen(down, a, b),
      columns: seen(across, p, q),
      channels: pair,
    }),
    keepsSign: true,
  };
}

/** For each place: the two source places that it mixes, and the second one's share. */
function mixes(length, from, interpolation, aligned) {
  const found = [];
  for (let i = 0; i < length; i++) {
    const centre = aligned ? (i * (from - 1)) / Math.max(length - 1, 1) : Math.max(0, ((i + 0.5) * from) / length - 0.5);
    const low = interpolation === "nearest" ? Math.floor((i * from) / length) : Math.min(Math.floor(centre + 1e-9), from - 1);
    const high = interpolation === "nearest" ? low : Math.min(low + 1, from - 1);
    found.push([low, high, high > low ? Math.max(centre - low, 0) : 0]);
  }
  return found;
}

function seen(mix, first, last) {
  return [mix[first][0], mix[last][2] ? mix[last][1] : mix[last][0]];
}

/** Branches added, from the first to the last. */
export function makeSum(inputs, output) {
  return {
    run(sources, out) {
      for (let i = 0; i < out.length; i++) {
        let sum = 0;
        for (const data of sources) sum += data[i];
        out[i] = sum;
      }
    },
    terms(sources, r, q, c) {
      const found = new Terms();
      const index = (r * output[1] + q) * output[2] + c;
      sources.forEach((data, branch) => found.add(data[index], 1, [r, q, c], { branch }));
      return { terms: found.terms };
    },
    window: (region) => region,
    keepsSign: true,
  };
}

/** Branches multiplied; an axis of one place, or a vector, is spread over the others' places. */
export function makeProduct(inputs, output) {
  const [rows, columns, channels] = output;
  const index = ([height, width, deep], r, q, c) =>
    ((height === 1 ? 0 : r) * width + (width === 1 ? 0 : q)) * deep + (deep === 1 ? 0 : c);
  const values = (sources, r, q, c) => sources.map((data, branch) => data[index(inputs[branch], r, q, c)]);
  return {
    run(sources, out) {
      out.fill(1);
      sources.forEach((data, branch) => {
        const shape = inputs[branch];
        for (let r = 0, to = 0; r < rows; r++) {
          for (let q = 0; q < columns; q++) {
            for (let c = 0; c < channels; c++, to++) out[to] *= data[index(shape, r, q, c)];
          }
        }
      });
    },
    // the first number, times all others; `factors` are all of them
    terms(sources, r, q, c) {
      const factors = values(sources, r, q, c);
      const [first, ...others] = factors;
      const from = [r, q, c].map((place, axis) => (inputs[0][axis] === 1 ? 0 : place));
      const weight = others.reduce((a, b) => a * b);
      return single(first, from, weight, { factors });
    },
    window(region, branch) {
      const one = (axis, name) => (inputs[branch][axis] === 1 ? [0, 0] : region[name]);
      return { rows: one(0, "rows"), columns: one(1, "columns"), channels: one(2, "channels") };
    },
  };
}

/** Branches' channels side by side. */
export function makeConcat(inputs, output) {
  const starts = inputs.map((_, branch) => inputs.slice(0, branch).reduce((sum, shape) => sum + shape[2], 0));
  const all = output[2];
  return {
    run(sources, out) {
      sources.forEach((data, branch) => {
        const channels = inputs[branch][2];
        for (let i = 0, to = starts[branch]; i < data.length; i += channels, to += all) {
          for (let c = 0; c < channels; c++) out[to + c] = data[i + c];
        }
      });
    },
    terms(sources, r, q, c) {
      const branch = starts.findLastIndex((start) => start <= c);
      const own = c - starts[branch];
      const found = single(sources[branch][(r * output[1] + q) * inputs[branch][2] + own], [r, q, own]);
      found.terms[0].branch = branch;
      return found;
    },
    window(region, branch) {
      const channels = region.channels.map((c) => c - starts[branch]);
      return channels[1] < 0 || channels[0] >= inputs[branch][2] ? null : { ...region, channels };
    },
    keepsSign: true,
  };
}

// where the i-th number, counted channel after channel, stands in the order row, column, channel
function placeOf(i, [rows, columns, channels]) {
  const places = rows * columns;
  return (i % places) * channels + Math.floor(i / places);
}

function coordinates(index, [, columns, channels]) {
  const place = Math.floor(index / channels);
  return [Math.floor(place / columns), place % columns, index % channels];
}

function widen(pair, value) {
  if (value < pair[0]) pair[0] = value;
  if (value > pair[1]) pair[1] = value;
}
