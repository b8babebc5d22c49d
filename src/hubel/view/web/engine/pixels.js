// What Pillow does to eight-bit pictures, to the same grey levels: resizing with antialiasing, blurring, reducing.

/** Rounded to the nearest whole number, halves to the even one, as Python and NumPy do. */
export function rint(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** How much of each axis of an image of a size a padded picture takes, as `hubel.data.prepare` counts it: in whole
 * numbers, halves up. */
export function covered(picture, size) {
  return picture.map((side, axis) => {
    const [other, wanted] = [picture[1 - axis], size[1 - axis]];
    return Math.max(1, Math.min(size[axis], Math.floor((2 * side * wanted + other) / (2 * other))));
  });
}

/** A colour picture in grey (ITU-R 601), or as it is. */
export function converted(image, channels) {
  const { width, height, data } = image;
  const given = data.length / (width * height);
  if (given === channels) return image;
  const grey = new Uint8ClampedArray(width * height);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (data[3 * i] * 19595 + data[3 * i + 1] * 38470 + data[3 * i + 2] * 7471 + 0x8000) >> 16;
  }
  return { width, height, data: grey };
}

/** Light for dark. */
export function inverted({ width, height, data }) {
  return { width, height, data: data.map((value) => 255 - value) };
}

/** A part of a picture; bottom and right are exclusive. */
export function cropped(image, top, left, bottom, right) {
  const depth = image.data.length / (image.width * image.height);
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8ClampedArray(width * height * depth);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * depth;
    data.set(image.data.subarray(start, start + width * depth), y * width * depth);
  }
  return { width, height, data };
}

/** Bilinear with antialiasing: across, then down, each rounded to grey levels; `box` is left, top, right, bottom. */
export function resized(image, height, width, box = [0, 0, image.width, image.height]) {
  const [left, top, right, bottom] = box;
  let found = image;
  if (width !== image.width || left !== 0 || right !== image.width) {
    found = along(found, width, shares(image.width, left, right, width), true);
  }
  if (height !== image.height || top !== 0 || bottom !== image.height) {
    found = along(found, height, shares(image.height, top, bottom, height), false);
  }
  return found;
}

const ONE = 2 ** 22; // shares are whole numbers of 2⁻²², as in Pillow

function shares(length, first, last, count) {
  const scale = (last - first) / count;
  const wide = Math.max(scale, 1);
  const found = [];
  for (let i = 0; i < count; i++) {
    const centre = first + (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - wide + 0.5));
    const end = Math.min(length, Math.trunc(centre + wide + 0.5));
    const weights = [];
    for (let x = start; x < end; x++) weights.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) / wide)));
    const total = weights.reduce((a, b) => a + b, 0);
    found.push([start, weights.map((weight) => Math.trunc(0.5 + (weight / total) * ONE))]);
  }
  return found;
}

function along(image, length, mixes, across) {
  const depth = image.data.length / (image.width * image.height);
  const [width, height] = across ? [length, image.height] : [image.width, length];
  const step = (across ? 1 : image.width) * depth;
  const data = new Uint8ClampedArray(width * height * depth);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [start, weights] = mixes[across ? x : y];
      const from = (across ? y * image.width + start : start * image.width + x) * depth;
      for (let c = 0; c < depth; c++, to++) {
        let sum = ONE / 2;
        for (let i = 0; i < weights.length; i++) sum += image.data[from + i * step + c] * weights[i];
        data[to] = Math.floor(sum / ONE);
      }
    }
  }
  return { width, height, data };
}

/** Each block of factor×factor pixels as its mean; blocks at the end may be smaller. */
export function reduced(image, factor) {
  const depth = image.data.length / (image.width * image.height);
  const [width, height] = [Math.ceil(image.width / factor), Math.ceil(image.height / factor)];
  const sums = new Float64Array(width * height * depth);
  const counts = new Float64Array(width * height);
  for (let y = 0, i = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++, i++) {
      const to = Math.floor(y / factor) * width + Math.floor(x / factor);
      counts[to]++;
      for (let c = 0; c < depth; c++) sums[to * depth + c] += image.data[i * depth + c];
    }
  }
  const data = Uint8ClampedArray.from(sums, (sum, i) => Math.floor(sum / counts[Math.floor(i / depth)] + 0.5));
  return { width, height, data };
}

/** A Gaussian blur of a grey picture, as three box blurs of a fractional radius (Kovesi 2010), edges repeated. */
export function blurred(image, sigma) {
  const variance = (sigma * sigma) / 3;
  const whole = Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
  const part = ((2 * whole + 1) * (whole * (whole + 1) - 3 * variance)) / (6 * (variance - (whole + 1) ** 2));
  const radius = whole + part;
  let { data } = image;
  for (let i = 0; i < 3; i++) data = boxed(data, image.height, image.width, image.width, 1, radius);
  for (let i = 0; i < 3; i++) data = boxed(data, image.width, image.height, 1, image.width, radius);
  return { width: image.width, height: image.height, data };
}

function boxed(data, lines, length, lineStep, step, size) {
  const radius = Math.trunc(size);
  const inner = Math.trunc(2 ** 24 / (size * 2 + 1));
  const outer = Math.trunc((2 ** 24 - (radius * 2 + 1) * inner) / 2);
  const found = new Uint8ClampedArray(data.length);
  for (let line = 0; line < lines; line++) {
    const at = (i) => data[line * lineStep + Math.min(Math.max(i, 0), length - 1) * step];
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += at(i);
    for (let i = 0; i < length; i++) {
      const ends = at(i - radius - 1) + at(i + radius + 1);
      found[line * lineStep + i * step] = Math.floor((sum * inner + ends * outer + 2 ** 23) / 2 ** 24);
      sum += at(i + radius + 1) - at(i - radius);
    }
  }
  return found;
}
