// Numbers to explain: what the model says of one, with the words and what else it takes to name and draw it.

import { shown } from "hubel/view/numbers";
import { branchesOf } from "hubel/view/live/join";

/** The units of a model, and the pixels it is given. */
export class Units {
  constructor(model) {
    this.model = model;
    this.answers = answersOf(model);
    this.scale = scaleText(model.packed.preprocessing);
  }

  /** What the model says of a number, and what the dock needs besides to name and draw it. */
  number(step, at) {
    const [row, column] = at;
    const unit = this.model.unit(step.path, at);
    const start = (row * step.shape[1] + column) * step.shape[2];
    const slice = (data) => data.subarray(start, start + step.shape[2]);
    let rivals = null; // the numbers that a softmax is taken of, where there is one
    if (unit.rule === "softmax") rivals = slice(step.sources[0].data);
    else if (["softmax", "log_softmax"].includes(unit.activation)) rivals = slice(step.before);
    else if (step === this.model.result && this.answers.has(step.path)) rivals = slice(step.data);
    return {
      ...unit,
      step,
      rivals,
      scale: this.scale,
      shape: step.node.output,
      branches: branchesOf(step, at),
      called: (path, place) => this.called(path, place),
    };
  }

  /** A pixel as if it were a unit: its levels, and the numbers that the network is given for them. */
  pixel([row, column], picture) {
    const { mean, std } = this.model.packed.preprocessing;
    const depth = mean.length;
    const start = (row * this.model.picture[1] + column) * depth;
    const levels = [...picture.subarray(start, start + depth)];
    const values = levels.map((level, i) => (level / 255 - mean[i]) / std[i]);
    const said = values.map(
      (value, i) => `(${levels[i]}/255 − ${shown(mean[i], 4)}) / ${shown(std[i], 4)} = ${shown(value, 4)}`,
    );
    const region = { rows: [row, row], columns: [column, column], channels: [0, depth - 1] };
    return {
      path: "input",
      at: [row, column, 0],
      values,
      said: `${depth === 1 ? "level" : "levels"} ${levels.join(", ")} of 255; normalised: ${said.join("; ")}. ${this.scale}`,
      terms: [],
      branches: [],
      rivals: null,
      rule: "pixel",
      step: { path: null, shape: this.model.picture, node: {}, sources: [] },
      shape: this.model.picture,
      windows: new Map([[null, region]]),
    };
  }

  /** How a place of a layer is called: of the answer its class, of a vector its number, of maps the place in them. */
  called(path, [row, column, channel]) {
    if (this.answers.has(path)) return `class ${this.model.classes[channel]}`;
    const shape = path === null ? this.model.input : this.model.byPath.get(path).shape;
    if (path !== null && shape[0] === 1 && shape[1] === 1) return `number ${channel}`;
    return `row ${row}, column ${column}, channel ${channel}`;
  }
}

/** The paths whose channels are the classes: the answer, and what goes straight into its softmax. */
function answersOf({ result, classes }) {
  const found = new Set();
  if (result.shape[2] !== classes.length) return found;
  for (let step = result; step.path !== null && step.shape[0] === 1 && step.shape[1] === 1; step = step.sources[0]) {
    found.add(step.path);
    const name = step.node.operation.function;
    if (!step.operation.isIdentity && name !== "softmax" && name !== "log_softmax") break;
  }
  return found;
}

/** What the input's numbers mean: black, 0 of 255, and white, 255, after each channel's mean and deviation. */
function scaleText({ mean, std }) {
  if (mean.every((value) => value === 0) && std.every((value) => value === 1)) {
    return "In the input 0 is black and 1 is white.";
  }
  const ends = mean.map((value, i) => [-value / std[i], (1 - value) / std[i]].map((end) => shown(end)));
  if (ends.length === 1) return `The input is normalised: black is ${ends[0][0]}, white is ${ends[0][1]}.`;
  const names = ends.length === 3 ? ["red", "green", "blue"] : ends.map((_, i) => `channel ${i}`);
  const told = ends.map(([low, high], i) => `${names[i]} ${low} to ${high}`).join(", ");
  return `The input is normalised: from none to full, ${told}.`;
}
