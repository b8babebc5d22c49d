// Where a picture lies in what the network is shown, as `hubel.data` places it.

/** Of each axis where a picture (width, height) begins in the network's image, and how much of it it fills, in shares. */
export function seen(picture, size, fit) {
  if (fit === "stretch" || picture.every((side, axis) => side === size[axis])) return [[0, 1], [0, 1]];
  const shares = size.map((side, axis) => side / picture[axis]);
  if (fit === "pad") {
    const scale = Math.min(...shares);
    return picture.map((side, axis) => {
      const filled = Math.max(1, evenly(side * scale));
      return [Math.floor((size[axis] - filled) / 2) / size[axis], filled / size[axis]];
    });
  }
  const scale = Math.max(...shares);
  return picture.map((side, axis) => {
    const span = (side * scale) / size[axis];
    return [(1 - span) / 2, span];
  });
}

/** As Python rounds: a half to the even number. */
export function evenly(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}
