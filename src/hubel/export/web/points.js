// From a network's scores to the points of a picture's individuals, as pose answers in Python.

import { isPeak } from "hubel/export/boxes";
import { seen } from "hubel/export/framing";

const MIDDLE = 0.5; // of the first pixel, from which answers count

/** The individuals that are shown, the surest first: {probability, points: [{point, x, y, probability}]}, in pixels of
 * the picture. scores: {values (row, column, channel), rows, columns}; rules: of `packed.points`; preparation: of the
 * network's image. */
export function individualsOf(scores, rules, preparation, { height, width }) {
  const [across, down] = seen([width, height], [preparation.width, preparation.height], preparation.fit);
  const inPicture = (share, [low, span], whole) => Math.max(0, Math.min(whole, ((share - low) / span) * whole)) - MIDDLE;
  const found = rules.several ? several(scores, rules) : [alone(scores, rules)];
  return found.map(({ probability, places }) => ({
    probability,
    points: places
      .map(({ x, y, sure }, number) => ({
        point: rules.names[number],
        x: inPicture(x / scores.columns, across, width),
        y: inPicture(y / scores.rows, down, height),
        probability: sure,
      }))
      .filter((each) => each.probability >= rules.threshold),
  })).filter(({ points }) => rules.several || points.length);
}

// one individual: of each map the surest place
function alone(scores, rules) {
  const maps = mapsOf(scores, rules);
  const places = rules.names.map((_, point) => {
    let at = 0;
    for (let place = 1; place < maps.cells; place++) if (maps.heat(place, point) > maps.heat(at, point)) at = place;
    return { ...maps.voted(at, point), sure: maps.heat(at, point) };
  });
  return { probability: places.reduce((sum, { sure }) => sum + sure, 0) / places.length, places };
}

// several: from each middle to where it says that its points are, and from there to the surest place nearby
function several({ rows, columns, ...scores }, rules) {
  const maps = mapsOf({ rows, columns, ...scores }, rules);
  const middles = [];
  for (let place = 0; place < maps.cells; place++) {
    const probability = maps.middle(place);
    if (probability >= rules.threshold && isPeak(place, rows, columns, maps.middle)) middles.push({ place, probability });
  }
  middles.sort((a, b) => b.probability - a.probability);
  return middles.slice(0, rules.most).map(({ place, probability }) => {
    const told = rules.names.map((_, point) => maps.far(place, point));
    const size = Math.max(2, ...["x", "y"].map((axis) => {
      const own = told.map((each) => each[axis]);
      return Math.max(...own) - Math.min(...own);
    }));
    const spread = Math.max(1, (rules.near * size) ** 2);
    const places = told.map((from, point) => {
      let [at, best] = [0, -1];
      for (let other = 0; other < maps.cells; other++) {
        const [x, y] = maps.cell(other);
        const near = maps.heat(other, point) * Math.exp((-0.5 * ((from.x - x) ** 2 + (from.y - y) ** 2)) / spread);
        if (near > best) [at, best] = [other, near];
      }
      return best >= rules.least ? { ...maps.voted(at, point), sure: maps.heat(at, point) } : { ...from, sure: best };
    });
    return { probability, places };
  });
}

// what scores say of each place, in cells
function mapsOf({ values, rows, columns, classes: channels }, rules) {
  const points = rules.names.length;
  const at = (place, channel) => values[place * channels + channel];
  const sure = (place, channel) => 1 / (1 + Math.exp(-(at(place, channel) + rules.prior)));
  const heat = (place, point) => sure(place, point);
  const cell = (place) => [(place % columns) + 0.5, Math.floor(place / columns) + 0.5];
  function moved(place, channel, unit) {
    const [x, y] = cell(place);
    return { x: x + unit * at(place, channel), y: y + unit * at(place, channel + 1) };
  }
  // where a place and those around it say that a point is: the mean by how sure they are
  function voted(place, point) {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const sums = [0, 0, 0];
    for (let y = Math.max(0, row - rules.votes); y <= Math.min(rows - 1, row + rules.votes); y++) {
      for (let x = Math.max(0, column - rules.votes); x <= Math.min(columns - 1, column + rules.votes); x++) {
        const other = y * columns + x;
        const weight = heat(other, point);
        const told = moved(other, points + 2 * point, rules.reach);
        [told.x, told.y, 1].forEach((value, axis) => (sums[axis] += weight * value));
      }
    }
    return { x: sums[0] / sums[2], y: sums[1] / sums[2] };
  }
  return {
    cells: rows * columns,
    cell,
    heat,
    voted,
    middle: (place) => sure(place, 3 * points),
    far: (place, point) => moved(place, 3 * points + 1 + 2 * point, rules.far),
  };
}
