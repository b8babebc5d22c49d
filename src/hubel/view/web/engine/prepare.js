// From any picture to the network's input, as `hubel.data.Preprocessing.prepare` and `normalise` do it.
//
// Colour pictures are {width, height, data} with three bytes a pixel; ink and grey ones have one.

import { blurred, converted, covered, cropped, inverted, reduced, resized, rint } from "hubel/view/engine/pixels";

const INK = 25; // a tenth of full ink: fainter pixels do not count for the box
const LARGE = 1024;
const WORKING = 112;

/** The function from pixels to {picture, input} that a model's preprocessing describes. */
export function makePreparation(rules) {
  const { height, width, channels, mean, std, fit, ink, frame } = rules;
  const factors = std.map((s) => Math.fround(1 / (255 * s)));
  const offsets = mean.map((m, i) => Math.fround(-m / std[i]));

  function prepare(pixels) {
    const picture = opaque(pixels, Boolean(ink));
    const data = frame ? inkFramed(picture) : fitted(picture);
    const input = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++)
      input[i] = offsets[i % channels] + Math.fround(data[i] * factors[i % channels]);
    return { picture: data, input };
  }

  function inkFramed(picture) {
    const grey = framedOrAsDrawn(picture, frame, height, width);
    const data = new Uint8ClampedArray(height * width * channels);
    for (let i = 0; i < data.length; i++) {
      const value = grey[Math.floor(i / channels)];
      data[i] = ink === "light" ? value : 255 - value;
    }
    return data;
  }

  function fitted(picture) {
    const grey = converted(picture, 1);
    const light = median(borderOf(grey).map((i) => grey.data[i])) >= 128;
    const upright = ink && light !== (ink === "dark") ? inverted(picture) : picture;
    const ready = channels === 1 ? converted(upright, 1) : upright;
    if (ready.width === width && ready.height === height) return Uint8ClampedArray.from(ready.data);
    return FITS[fit](ready, height, width, ink === "dark" ? 255 : 0).data;
  }

  return prepare;
}

const FITS = {
  crop(image, height, width) {
    const scale = Math.max(height / image.height, width / image.width);
    const [tall, wide] = [height / scale, width / scale];
    const top = Math.max(0, (image.height - tall) / 2);
    const left = Math.max(0, (image.width - wide) / 2);
    return resized(image, height, width, [
      left,
      top,
      Math.min(left + wide, image.width),
      Math.min(top + tall, image.height),
    ]);
  },
  pad(image, height, width, ground) {
    const [tall, wide] = covered([image.height, image.width], [height, width]);
    const small = resized(image, tall, wide);
    const depth = small.data.length / (tall * wide);
    const data = new Uint8ClampedArray(height * width * depth).fill(ground);
    const [top, left] = [Math.floor((height - tall) / 2), Math.floor((width - wide) / 2)];
    for (let y = 0; y < tall; y++) {
      const row = small.data.subarray(y * wide * depth, (y + 1) * wide * depth);
      data.set(row, ((top + y) * width + left) * depth);
    }
    return { width, height, data };
  },
  stretch: (image, height, width) => resized(image, height, width),
};

/** Pixels of 1, 3 or 4 channels as a colour picture: light things are put on black, others on white. drawn: of an opaque
 * card on an empty canvas the card is what was drawn on. */
function opaque(pixels, drawn) {
  const { width, height, data } = pixels;
  const channels = data.length / (width * height);
  if (![1, 3, 4].includes(channels)) throw new Error(`expected 1, 3 or 4 channels, received ${channels}`);
  const rgb = { width, height, data: new Uint8ClampedArray(width * height * 3) };
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgb.data[3 * i + c] = data[channels === 1 ? i : channels * i + c];
  }
  return channels === 4 ? composed(rgb, (i) => data[4 * i + 3], drawn) : rgb;
}

function composed(rgb, alpha, drawn) {
  const { width, height, data } = rgb;
  let [top, left, bottom, right, weight, lightness, full] = [height, width, 0, 0, 0, 0, 0];
  const grey = converted(rgb, 1).data;
  for (let i = 0; i < width * height; i++) {
    const a = alpha(i);
    if (!a) continue;
    const [y, x] = [Math.floor(i / width), i % width];
    [top, left] = [Math.min(top, y), Math.min(left, x)];
    [bottom, right] = [Math.max(bottom, y + 1), Math.max(right, x + 1)];
    weight += a;
    lightness += a * grey[i];
    full += a === 255;
  }
  if (!weight) return { width, height, data: new Uint8ClampedArray(data.length) };
  if (drawn && full / ((bottom - top) * (right - left)) > 0.95) return cropped(rgb, top, left, bottom, right);
  const ground = lightness / weight >= 128 ? 0 : 255;
  const found = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i++) {
    const a = alpha(Math.floor(i / 3));
    const mixed = data[i] * a + ground * (255 - a) + 128;
    found[i] = ((mixed >> 8) + mixed) >> 8;
  }
  return { width, height, data: found };
}

function framedOrAsDrawn(picture, frame, height, width) {
  if (picture.width === width && picture.height === height) {
    const ink = inkAsDrawn(picture);
    if (isFramed(ink, frame)) return ink.data;
  }
  return framed(inkOf(picture), frame, height, width);
}

function inkAsDrawn(picture) {
  const { width, height, data } = picture;
  for (let i = 0; i < data.length; i += 3) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return inkOf(picture);
  }
  const grey = { width, height, data: data.filter((_, i) => i % 3 === 0) };
  const border = borderOf(grey);
  const white = border.filter((i) => grey.data[i] >= 239).length;
  return white / border.length > 0.75 ? inverted(grey) : grey;
}

/** How much ink is at each pixel: what differs from the ground that the border shows. */
export function inkOf(given) {
  const longest = Math.max(given.width, given.height);
  const picture = longest > LARGE ? reduced(given, Math.ceil(longest / LARGE)) : given;
  const { width, height, data } = picture;
  const { colour, noise } = groundOf(picture);
  const found = new Float64Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      let most = 0;
      for (let c = 0; c < 3; c++) most = Math.max(most, Math.abs(data[3 * i + c] - colour(c, y, x)));
      found[i] = Math.min(255, Math.max(0, most - noise));
    }
  }
  if (isFaint(found)) return { width, height, data: stretched(found) };
  return { width, height, data: Uint8ClampedArray.from(found, rint) };
}

// whether the 99.5th percentile is below 80, sorting only where a count does not tell
function isFaint(values) {
  const strong = values.reduce((count, value) => count + (value >= 80), 0);
  const below = Math.floor(0.995 * (values.length - 1));
  if (strong >= values.length - below) return false;
  return strong === 0 || percentile(values, 99.5) < 80;
}

function groundOf(picture) {
  const { width, height, data } = picture;
  const ring = borderOf(picture);
  const middle = [0, 1, 2].map((c) => median(ring.map((i) => data[3 * i + c])));
  const distance = ring.map((i) => Math.max(...middle.map((m, c) => Math.abs(data[3 * i + c] - m))));
  const near = ring.filter((_, j) => distance[j] < 64);
  const even = distance.filter((d) => d <= 1).length / ring.length > 0.75;
  if (!near.length || even) return { colour: (c) => middle[c], noise: 0 };
  const planes = [0, 1, 2].map((c) => planeThrough(near, width, height, (i) => data[3 * i + c]));
  const colour = (c, y, x) => planes[c][0] + (planes[c][1] * y) / height + (planes[c][2] * x) / width;
  let off = 0;
  for (const i of near) {
    for (let c = 0; c < 3; c++) off += Math.abs(data[3 * i + c] - colour(c, Math.floor(i / width), i % width));
  }
  return { colour, noise: Math.min(3 * (off / (3 * near.length)) + 2, 64) };
}

// least squares for a + b·row/height + c·column/width, by its normal equations
function planeThrough(places, width, height, value) {
  const matrix = [
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ];
  for (const i of places) {
    const row = [1, Math.floor(i / width) / height, (i % width) / width];
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) matrix[a][b] += row[a] * row[b];
      matrix[a][3] += row[a] * value(i);
    }
  }
  for (let a = 0; a < 3; a++) {
    const pivot = matrix[a][a] || 1e-12;
    for (let b = 0; b < 3; b++) {
      if (a === b) continue;
      const factor = matrix[b][a] / pivot;
      for (let k = 0; k < 4; k++) matrix[b][k] -= factor * matrix[a][k];
    }
  }
  return matrix.map((row, a) => row[3] / (row[a] || 1e-12));
}

/** Ink with most of its strokes at 255. */
export function stretched(ink) {
  const largest = ink.reduce((a, b) => Math.max(a, b), 0);
  const strong = ink.filter((value) => value > largest / 2);
  const level = strong.length ? percentile(strong, 80) : 0;
  const factor = 255 / level;
  return Uint8ClampedArray.from(ink, (value) => rint(level > 8 ? Math.min(value * factor, 255) : value));
}

function isFramed(ink, frame) {
  const box = inkBox(ink);
  if (!box || frame.box >= Math.max(ink.width, ink.height) - 1) return true;
  const [top, left, bottom, right] = box;
  if (Math.abs(Math.max(bottom - top, right - left) - frame.box) > 1) return false;
  const [row, column] = centreOf(ink, frame.centre);
  return Math.abs(row - ink.height / 2) <= 1 && Math.abs(column - ink.width / 2) <= 1;
}

/** The ink scaled to the frame's box, and centred. */
export function framed(ink, frame, height, width) {
  const result = new Uint8ClampedArray(height * width);
  const box = inkBox(ink);
  if (!box) return result;
  let image = shrunk(cropped(ink, ...box));
  let scale = frame.box / Math.max(image.width, image.height);
  if (thickness(image) * scale < 1.5) {
    const edge = thickened(image, scale);
    if (edge) {
      image = edge;
      scale = frame.box / Math.max(image.width, image.height);
    }
  }
  const [wide, tall] = [image.width, image.height].map((side) => Math.max(1, rint(side * scale)));
  const small = { width: wide, height: tall, data: stretched(Float64Array.from(resized(image, tall, wide).data)) };
  const [row, column] = centreOf(small, frame.centre);
  const [top, left] = [rint(height / 2 - row), rint(width / 2 - column)];
  for (let y = Math.max(0, -top); y < Math.min(tall, height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(wide, width - left); x++) {
      result[(top + y) * width + left + x] = small.data[y * wide + x];
    }
  }
  return result;
}

// a hair at the network's size becomes a pen stroke
function thickened(image, scale) {
  const margin = Math.ceil(1 / scale);
  const [width, height] = [image.width + 2 * margin, image.height + 2 * margin];
  const data = new Uint8ClampedArray(width * height);
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(y * image.width, (y + 1) * image.width), (y + margin) * width + margin);
  }
  const soft = blurred({ width, height, data }, 0.5 / scale);
  const full = { width, height, data: stretched(Float64Array.from(soft.data)) };
  const box = inkBox(full);
  return box && cropped(full, ...box);
}

function inkBox({ width, height, data }) {
  let [top, left, bottom, right] = [height, width, 0, 0];
  for (let i = 0; i < data.length; i++) {
    if (data[i] <= INK) continue;
    const [y, x] = [Math.floor(i / width), i % width];
    if (y < top) top = y;
    if (x < left) left = x;
    if (y >= bottom) bottom = y + 1;
    if (x >= right) right = x + 1;
  }
  return bottom ? [top, left, bottom, right] : null;
}

function centreOf(ink, rule) {
  if (rule === "box") {
    const [top, left, bottom, right] = inkBox(ink) || [0, 0, ink.height, ink.width];
    return [(top + bottom) / 2, (left + right) / 2];
  }
  let [total, row, column] = [0, 0, 0];
  for (let i = 0; i < ink.data.length; i++) {
    total += ink.data[i];
    row += ink.data[i] * Math.floor(i / ink.width);
    column += ink.data[i] * (i % ink.width);
  }
  return [row / (total || 1), column / (total || 1)];
}

// the maximum of each block, which keeps thin lines
function shrunk(ink) {
  const factor = Math.floor(Math.max(ink.width, ink.height) / WORKING);
  if (factor < 2) return ink;
  const [width, height] = [Math.ceil(ink.width / factor), Math.ceil(ink.height / factor)];
  const data = new Uint8ClampedArray(width * height);
  for (let i = 0; i < ink.data.length; i++) {
    const to = Math.floor(Math.floor(i / ink.width) / factor) * width + Math.floor((i % ink.width) / factor);
    if (ink.data[i] > data[to]) data[to] = ink.data[i];
  }
  return { width, height, data };
}

// twice the area over the outline's length
function thickness({ width, height, data }) {
  const level = data.some((value) => value > 127) ? 127 : INK;
  let [area, crossings] = [0, 0];
  const there = (y, x) => y >= 0 && y < height && x >= 0 && x < width && data[y * width + x] > level;
  for (let y = -1; y < height; y++) {
    for (let x = -1; x < width; x++) {
      const here = there(y, x);
      area += here;
      crossings += (here !== there(y + 1, x)) + (here !== there(y, x + 1));
    }
  }
  return (2 * area) / ((Math.PI / 4) * crossings);
}

// indices of the outer twentieth, at least one pixel
function borderOf({ width, height }) {
  const edge = Math.max(1, Math.floor(Math.min(height, width) / 20));
  const found = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = y >= edge && y < height - edge && x >= edge && x < width - edge;
      if (inside) x = width - edge - 1;
      else found.push(y * width + x);
    }
  }
  return found;
}

function median(values) {
  return percentile(values, 50);
}

function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const place = (share / 100) * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}
