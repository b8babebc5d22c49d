// From a network's scores to the boxes of a picture's objects, as detection answers in Python.

import { seen } from "hubel/export/framing";

/** The boxes that places tell, in shares of the network's image, the surest first. scores: {values (row, column,
 * channel), rows, columns, classes}, a logit a class and four distances; rules: of `packed.boxes`. */
export function boxesOf({ values, rows, columns, classes: channels }, rules) {
  const kinds = channels - 4;
  const at = (place, channel) => values[place * channels + channel];
  const told = (place) => {
    const middle = [((place % columns) + 0.5) / columns, (Math.floor(place / columns) + 0.5) / rows];
    return [0, 1, 2, 3].map((side) => {
      const far = Math.max(-rules.farthest, Math.min(rules.farthest, at(place, kinds + side)));
      return middle[side % 2] + (side < 2 ? -1 : 1) * rules.usual[side % 2] * Math.exp(far);
    });
  };
  const found = [];
  for (let place = 0; place < rows * columns; place++) {
    for (let kind = 0; kind < kinds; kind++) {
      const probability = 1 / (1 + Math.exp(-(at(place, kind) + rules.prior)));
      if (probability < rules.threshold || !isPeak(place, rows, columns, (other) => at(other, kind))) continue;
      found.push({ kind, place, probability });
    }
  }
  const surestFirst = (some) => some.sort((a, b) => b.probability - a.probability);
  const boxes = surestFirst(found).slice(0, rules.most).map(({ kind, place, probability }) => {
    const { box, agreed } = agreement(place, rows, columns, told, rules);
    return { kind, probability: probability * agreed, box };
  });
  const kept = [];
  for (const each of surestFirst(boxes).filter(({ probability }) => probability >= rules.threshold)) {
    if (!kept.some((surer) => surer.kind === each.kind && overlap(surer.box, each.box) > rules.overlap)) kept.push(each);
  }
  return kept;
}

/** The same as objects of a picture, in its pixels, cut at its edges; of what lies outside alone, none. */
export function objectsOf(found, classes, rules, { height, width }) {
  const [across, down] = seen([width, height], [rules.width, rules.height], rules.fit);
  const objects = found.map(({ kind, probability, box }) => {
    const [left, top, right, bottom] = box.map((edge, side) => {
      const [low, span, whole] = side % 2 ? [...down, height] : [...across, width];
      return Math.max(0, Math.min(whole, ((edge - low) / span) * whole));
    });
    return { class: classes[kind], probability, left, top, right, bottom };
  });
  return objects.filter(({ left, top, right, bottom }) => right > left && bottom > top);
}

/** Whether no place around has more; of equal ones the first counts. */
export function isPeak(place, rows, columns, value) {
  const [row, column, own] = [Math.floor(place / columns), place % columns, value(place)];
  for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) {
      const other = y * columns + x;
      if (value(other) > own || (value(other) === own && other < place)) return false;
    }
  }
  return true;
}

// the mean of what places around one tell, and how much their boxes overlap with it
function agreement(place, rows, columns, told, rules) {
  const own = told(place);
  const sides = [(own[2] - own[0]) * columns, (own[3] - own[1]) * rows];
  const near = sides.map((side) => Math.floor(side * rules.around));
  const around = ([across, down]) => [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => {
    const row = Math.max(0, Math.min(rows - 1, Math.floor(place / columns) + y * down));
    return told(row * columns + Math.max(0, Math.min(columns - 1, (place % columns) + x * across)));
  }));
  const mean = (numbers) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
  const averaged = around(near);
  const box = [0, 1, 2, 3].map((side) => mean(averaged.map((each) => each[side])));
  const others = around(near.map((away, axis) => Math.max(away, Math.min(1, Math.floor(sides[axis] * rules.middle)))));
  return { box, agreed: mean(others.map((each) => overlap(box, each))) };
}

// intersection over union
function overlap(one, other) {
  const side = (box, axis) => box[axis + 2] - box[axis];
  const shared = [0, 1].map((axis) => Math.max(0, Math.min(one[axis + 2], other[axis + 2]) - Math.max(one[axis], other[axis])));
  const both = shared[0] * shared[1];
  return both / Math.max(side(one, 0) * side(one, 1) + side(other, 0) * side(other, 1) - both, 1e-12);
}
