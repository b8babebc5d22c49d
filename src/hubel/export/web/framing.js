// Where a picture lies in what the network is shown, as `hubel.data` places it.

import { covered } from "hubel/view/engine/pixels";

/** Of each axis where a picture (width, height) begins in the network's image, and how much of it it fills, in shares. */
export function seen(picture, size, fit) {
  if (fit === "stretch" || picture.every((side, axis) => side === size[axis])) return [[0, 1], [0, 1]];
  const shares = size.map((side, axis) => side / picture[axis]);
  if (fit === "pad") {
    return covered(picture, size).map((filled, axis) => {
      return [Math.floor((size[axis] - filled) / 2) / size[axis], filled / size[axis]];
    });
  }
  const scale = Math.max(...shares);
  return picture.map((side, axis) => {
    const span = (side * scale) / size[axis];
    return [(1 - span) / 2, span];
  });
}
