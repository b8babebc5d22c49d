// From a network's scores to a picture in colour, as colorize answers in Python: as light as it was everywhere.

import { rint } from "hubel/view/engine/pixels";
import { between } from "hubel/export/masks";

/** The picture (ImageData) with the colours that scores tell: {values (row, column, square), rows, columns, classes};
 * rules: of `packed.squares`. */
export function coloured(scores, rules, pixels) {
  const { rows, columns, values } = told(scores, rules);
  const found = new ImageData(pixels.width, pixels.height);
  const lights = Array.from({ length: 256 }, (_, level) => lightness(level, rules));
  const right = between(columns, pixels.width);
  between(rows, pixels.height).forEach(([above, below, lower], y) => {
    right.forEach(([left, beside, later], x) => {
      const mixed = (axis) => {
        const at = (row, column) => values[2 * (row * columns + column) + axis];
        const upper = at(above, left) * (1 - later) + at(above, beside) * later;
        return upper * (1 - lower) + (at(below, left) * (1 - later) + at(below, beside) * later) * lower;
      };
      const place = 4 * (y * pixels.width + x);
      const light = lights[grey(pixels.data, place, rules)];
      found.data.set(shown(light, mixed(0), mixed(1), rules), place);
      found.data[place + 3] = 255;
    });
  });
  return found;
}

/** How colourful a picture looks, 0 of grey ones (Hasler, Süsstrunk 2003). */
export function colourfulness({ data }) {
  const ways = [([r, g]) => r - g, ([r, g, b]) => (r + g) / 2 - b];
  const [spread, mean] = ways.reduce(([spread, mean], way) => {
    let [sum, squares] = [0, 0];
    for (let place = 0; place < data.length; place += 4) {
      const value = way([data[place], data[place + 1], data[place + 2]]);
      sum += value;
      squares += value * value;
    }
    const own = sum / (data.length / 4);
    return [spread + squares / (data.length / 4) - own * own, mean + own * own];
  }, [0, 0]);
  return Math.sqrt(Math.max(0, spread)) + 0.3 * Math.sqrt(mean);
}

// a* and b* of each place: the mean of the likelier squares
function told({ values, rows, columns, classes }, rules) {
  const found = new Float32Array(2 * rows * columns);
  for (let place = 0; place < rows * columns; place++) {
    const own = Array.from({ length: classes }, (_, square) => values[place * classes + square] + rules.prior[square]);
    const most = own.reduce((one, other) => Math.max(one, other));
    let sum = 0;
    own.forEach((value, square) => {
      const share = Math.exp((value - most) / rules.temperature);
      sum += share;
      for (const axis of [0, 1]) found[2 * place + axis] += share * rules.middles[square][axis];
    });
    for (const axis of [0, 1]) found[2 * place + axis] /= sum;
  }
  return { rows, columns, values: found };
}

// the grey level of a pixel, as Pillow has it
function grey(data, place, { grey: parts }) {
  return Math.floor((parts[0] * data[place] + parts[1] * data[place + 1] + parts[2] * data[place + 2] + 0x8000) / 65536);
}

function lightness(level, { small, slope }) {
  const share = level / 255;
  const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  return 116 * (linear > small ? Math.cbrt(linear) : slope * linear + 4 / 29) - 16;
}

// levels of a light and a colour, which is made paler until a screen has it
function shown(light, a, b, rules) {
  let [low, high, most] = [0, 1, 1];
  for (let step = 0; step <= rules.halvings; step++) {
    const fits = levels(light, a * most, b * most, rules).every((level) => level > -0.5 && level < 255.5);
    if (fits) low = most;
    else high = most;
    if (low >= 1) break;
    most = (low + high) / 2;
  }
  return levels(light, a * low, b * low, rules).map(rint);
}

function levels(light, a, b, { fromXyz, slope }) {
  const y = (light + 16) / 116;
  const power = (root) => (root > 6 / 29 ? root ** 3 : (root - 4 / 29) / slope);
  const xyz = [power(y + a / 500), power(y), power(y - b / 200)];
  return fromXyz.map((row) => {
    const linear = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2];
    return 255 * (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);
  });
}
