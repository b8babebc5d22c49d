// Fourier's transform of any length, in double precision.

import { rint } from "hubel/view/engine/pixels";

/** Transform numbers `re` + i·`im` in place; `sign` is -1 forwards and 1 backwards, neither divides. */
export function transform(re, im, sign = -1) {
  const length = re.length;
  if (length & (length - 1)) return chirped(re, im, sign);
  for (let i = 1, j = 0; i < length; i++) {
    let bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    for (const part of [re, im]) {
      const kept = part[i];
      part[i] = part[j];
      part[j] = kept;
    }
  }
  const [cosines, sines] = turns(length);
  for (let half = 1; half < length; half *= 2) {
    const step = length / (2 * half);
    for (let start = 0; start < length; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const a = start + k; // no pairs here: they cost more than the sums
        const b = a + half;
        const c = cosines[k * step];
        const s = sign * sines[k * step];
        const x = re[b] * c - im[b] * s;
        const y = re[b] * s + im[b] * c;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}

const known = new Map();

function turns(length) {
  if (!known.has(length)) {
    const angles = Float64Array.from({ length: length >> 1 }, (_, k) => (2 * Math.PI * k) / length);
    known.set(length, [angles.map(Math.cos), angles.map(Math.sin)]);
  }
  return known.get(length);
}

// a length that is no power of two, as a convolution with a chirp (Bluestein 1970)
function chirped(re, im, sign) {
  const length = re.length;
  let wide = 1;
  while (wide < 2 * length) wide *= 2;
  const [c, s] = [new Float64Array(length), new Float64Array(length)];
  for (let k = 0; k < length; k++) {
    const angle = (Math.PI * ((k * k) % (2 * length))) / length;
    c[k] = Math.cos(angle);
    s[k] = sign * Math.sin(angle);
  }
  const [a, b, p, q] = [0, 1, 2, 3].map(() => new Float64Array(wide));
  for (let k = 0; k < length; k++) {
    a[k] = re[k] * c[k] - im[k] * s[k];
    b[k] = re[k] * s[k] + im[k] * c[k];
    p[k] = c[k];
    q[k] = -s[k];
    if (k) p[wide - k] = c[k];
    if (k) q[wide - k] = -s[k];
  }
  transform(a, b);
  transform(p, q);
  for (let k = 0; k < wide; k++) {
    const x = a[k] * p[k] - b[k] * q[k];
    b[k] = a[k] * q[k] + b[k] * p[k];
    a[k] = x;
  }
  transform(a, b, 1);
  for (let k = 0; k < length; k++) {
    re[k] = (a[k] * c[k] - b[k] * s[k]) / wide;
    im[k] = (a[k] * s[k] + b[k] * c[k]) / wide;
  }
}

/** Samples at another rate, without what that cannot hold: as `hubel.data.decode.sound.resampled`. */
export function resampled(samples, rate, wanted) {
  if (rate === wanted || !samples.length) return samples;
  const length = Math.max(1, rint((samples.length * wanted) / rate));
  const [re, im] = [Float64Array.from(samples), new Float64Array(samples.length)];
  transform(re, im);
  const [x, y] = [new Float64Array(length), new Float64Array(length)];
  const kept = Math.min(length >> 1, samples.length >> 1);
  for (let k = 0; k <= kept; k++) {
    const isAlone = k === 0 || 2 * k === length;
    [x[k], y[k]] = [re[k], isAlone ? 0 : im[k]];
    if (!isAlone) [x[length - k], y[length - k]] = [re[k], -im[k]];
  }
  transform(x, y, 1);
  return Float32Array.from(x, (value) => value / samples.length); // backwards 1 / length, louder by length / samples
}
