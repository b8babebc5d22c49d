// From scores of a network's size to the class of every pixel of a picture, as segmentation answers in Python.

const FINEST = 1024; // pixels of a side up to which scores are enlarged smoothly; beyond, the nearest counts
const VOID = 255; // where the network did not look
const COVER = 0.55; // of the colour over a picture

/** The likeliest class of each pixel, VOID where the network did not look. scores: {values (row, column, class), rows,
 * columns, classes}; rules: of the preparation; size: of the picture. */
export function maskOf(scores, rules, { height, width }) {
  const whole = enlarged(scores, rules.height, rules.width);
  const [rows, columns] = seen([height, width], [rules.height, rules.width], rules.fit);
  const fine = [rows, columns].map((side) => Math.min(FINEST, Math.max(1, Math.round(side))));
  const likeliest = largest(enlarged(whole, ...fine));
  const down = places(height, rows, fine[0]);
  const right = places(width, columns, fine[1]);
  const mask = new Uint8Array(height * width).fill(VOID);
  down.forEach((row, y) => {
    if (row < 0) return;
    right.forEach((column, x) => {
      if (column >= 0) mask[y * width + x] = likeliest[row * fine[1] + column];
    });
  });
  return mask;
}

/** The classes by their share of the pixels, the largest first. */
export function sharesOf(mask, classes) {
  const counts = classes.map(() => 0);
  for (const value of mask) if (value < classes.length) counts[value]++;
  return classes
    .map((name, index) => ({ class: name, share: counts[index] / mask.length }))
    .filter(({ share }) => share)
    .sort((a, b) => b.share - a.share);
}

/** The picture (ImageData) under its classes' colours. */
export function overlaid(pixels, mask, colours) {
  const found = new ImageData(pixels.width, pixels.height);
  for (let i = 0; i < mask.length; i++) {
    const colour = colours[mask[i]] || [0, 0, 0];
    for (let c = 0; c < 3; c++) found.data[4 * i + c] = (1 - COVER) * pixels.data[4 * i + c] + COVER * colour[c];
    found.data[4 * i + 3] = 255;
  }
  return found;
}

// rows and columns of the picture that fill the network's input; more than there are where it is padded
function seen(picture, size, fit) {
  if (fit === "stretch") return picture;
  const furthest = fit === "crop" ? Math.min : Math.max;
  return picture.map((side, axis) => furthest(side, (size[axis] * picture[1 - axis]) / size[1 - axis]));
}

// for each pixel of a side where it lies among the enlarged scores; -1 where it does not
function places(side, length, fine) {
  const first = (side - length) / 2;
  return Array.from({ length: side }, (_, i) => {
    const place = Math.floor(((i + 0.5 - first) * fine) / length);
    return place >= 0 && place < fine ? place : -1;
  });
}

// bilinear, with half-pixel centres
function enlarged({ values, rows, columns, classes }, height, width) {
  if (rows === height && columns === width) return { values, rows, columns, classes };
  const [down, right] = [between(rows, height), between(columns, width)];
  const found = new Float32Array(height * width * classes);
  let next = 0;
  for (const [above, below, lower] of down) {
    for (const [left, beside, later] of right) {
      for (let c = 0; c < classes; c++) {
        const at = (row, column) => values[(row * columns + column) * classes + c];
        const upper = at(above, left) * (1 - later) + at(above, beside) * later;
        const under = at(below, left) * (1 - later) + at(below, beside) * later;
        found[next++] = upper * (1 - lower) + under * lower;
      }
    }
  }
  return { values: found, rows: height, columns: width, classes };
}

/** For each of so many places where it lies between two of `size`: these, and how far from the first. */
export function between(size, count) {
  return Array.from({ length: count }, (_, i) => {
    const middle = Math.max(0, ((i + 0.5) * size) / count - 0.5);
    const low = Math.min(Math.floor(middle), size - 1);
    return [low, Math.min(low + 1, size - 1), middle - low];
  });
}

function largest({ values, rows, columns, classes }) {
  const found = new Uint8Array(rows * columns);
  for (let place = 0; place < found.length; place++) {
    for (let c = 1; c < classes; c++) {
      if (values[place * classes + c] > values[place * classes + found[place]]) found[place] = c;
    }
  }
  return found;
}
