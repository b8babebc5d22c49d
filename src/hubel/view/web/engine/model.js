// A trained network that runs in a page: the tree that Python packed, flattened to steps that are run in order.
//
// Pictures are Float32Array in the order row, column, channel; a vector is a picture of 1×1. Sums are gathered in
// double precision and rounded once.

import { activate } from "hubel/view/engine/activations";
import { makeOperation, size, spread, united } from "hubel/view/engine/operations";
import { makePreparation } from "hubel/view/engine/prepare";

/** The model of what `hubel.export.page.pack.pack` wrote (an object, or its JSON). */
export function load(packed) {
  return new Model(typeof packed === "string" ? JSON.parse(packed) : packed);
}

export class Model {
  constructor(packed) {
    if (packed.format !== 1) throw new Error(`expected a packed model of format 1, received ${packed.format}`);
    this.packed = packed;
    this.classes = packed.classes;
    this.input = spread(packed.input);
    const rules = packed.preprocessing;
    // a network of vectors sees a picture too, written channel after channel
    const isFlat = packed.input.length === 1 && rules.height * rules.width * rules.channels === packed.input[0];
    this.isFlat = isFlat;
    this.picture = isFlat ? [rules.height, rules.width, rules.channels] : this.input;
    this.numbers = new Float32Array(decode(packed.weights.data).buffer);
    this.steps = [];
    this.byPath = new Map();
    this.given = { path: null, shape: this.input, data: new Float32Array(size(this.input)) };
    this.result = this._chain(packed.body, this.given);
    this.outputs = new Map();
    for (const step of this.steps) {
      const found = { shape: step.node.output, data: step.data };
      if (step.before) found.before = step.before;
      this.outputs.set(step.path, found);
    }
    this.preparation = makePreparation(rules);
  }

  /** Run on an input (row, column, channel; normalised): path -> {shape, data, before?}. The arrays are the model's
   * own, written anew by the next run; `before` are the numbers before an activation that is part of the layer. */
  run(input) {
    if (input.length !== this.given.data.length) {
      throw new Error(`expected ${this.given.data.length} numbers (${this.input.join("×")}), received ${input.length}`);
    }
    this.given.data.set(this.isFlat ? this._flattened(input) : input);
    return this.rerun(0);
  }

  /** Run again from one step on (0: all), with the input that it has. */
  rerun(from = 0) {
    for (let i = from; i < this.steps.length; i++) {
      const step = this.steps[i];
      const target = step.before || step.data;
      step.operation.run(
        step.sources.map((source) => source.data),
        target,
      );
      if (step.before) activate(step.node.activation, step.before, step.data, step.shape[2]);
    }
    return this.outputs;
  }

  /** From pixels (ImageData, or {data, width, height}; 1 to 4 channels) to {picture, input}: as Python prepares. */
  prepare(pixels) {
    return this.preparation(pixels);
  }

  /** Class probabilities of the latest run: the output itself after a softmax, else the softmax of it. */
  get probabilities() {
    const values = this.result.data;
    if (this.endsInSoftmax) return values;
    const found = new Float32Array(values.length);
    activate("softmax", values, found, values.length);
    return found;
  }

  /** What the latest run says before a closing softmax. */
  get scores() {
    const { before, data, sources } = this.result;
    if (!this.endsInSoftmax) return data;
    return before || sources[0].data;
  }

  get endsInSoftmax() {
    const { node } = this.result;
    return node.activation === "softmax" || node.operation.function === "softmax";
  }

  /** What made one number: `terms` in order (value·weight = product, `sum` so far, `from` place, `source` path or null
   * for the input), then `bias`, `before` the activation, `value`; `rule` says how terms combine: "sum", "max", "mean",
   * "softmax", "radial" or "function". `field` are the input's rows and columns that it sees, [first, last], padding
   * included; `windows` maps every earlier path (and null, the input) to the region of it that counts. */
  unit(path, [row, column, channel]) {
    const step = this._step(path);
    const [rows, columns, channels] = step.shape;
    if (!(row >= 0 && row < rows && column >= 0 && column < columns && channel >= 0 && channel < channels)) {
      throw new Error(`expected a place within ${step.shape.join("×")}, received ${[row, column, channel].join(", ")}`);
    }
    const index = (row * columns + column) * channels + channel;
    const found = step.operation.terms(
      step.sources.map((source) => source.data),
      row,
      column,
      channel,
    );
    for (const term of found.terms) term.source = step.sources[term.branch || 0].path;
    const point = { rows: [row, row], columns: [column, column], channels: [channel, channel] };
    const windows = this.windows(path, point);
    // the tree knows the field of a vector as a whole; one number of it may see less
    const seen = windows.get(null) || { rows: [0, 0], columns: [0, 0] };
    const whole = step.node.output.length === 1 || this.packed.input.length === 1;
    const field = whole ? { rows: seen.rows, columns: seen.columns } : fieldAt(step.node.field, row, column);
    const before = step.before ? step.before[index] : step.data[index];
    return {
      path,
      at: [row, column, channel],
      rule: "sum",
      bias: null,
      ...found,
      activation: step.node.activation || null,
      before,
      value: step.data[index],
      field,
      windows,
    };
  }

  /** The region of every earlier output that a region of one step depends on: path (null: the input) -> region. */
  windows(path, region) {
    const found = new Map([[path, region]]);
    for (let i = this.steps.indexOf(this._step(path)); i >= 0; i--) {
      const step = this.steps[i];
      const seen = found.get(step.path);
      if (!seen) continue;
      const all = ["softmax", "log_softmax"].includes(step.node.activation) ? { ...seen, channels: [0, step.shape[2] - 1] } : seen;
      step.sources.forEach((source, branch) => {
        const needed = step.operation.window(all, branch);
        const inside = needed && clipped(needed, source.shape);
        if (inside) found.set(source.path, united(found.get(source.path), inside));
      });
    }
    if (this.isFlat && found.has(null)) found.set(null, this._pictured(found.get(null)));
    return found;
  }

  /** Where on the picture a number of the input lies: [row, column, channel]. */
  pixel([row, column, channel]) {
    if (!this.isFlat) return [row, column, channel];
    const { rows, columns, channels } = this._pictured({ channels: [channel, channel] });
    return [rows[0], columns[0], channels[0]];
  }

  /** One filter's weights for one of the channels it sees: kernel height × kernel width numbers. */
  kernel(path, filter, channel) {
    const { start, count } = this._kernelPlace(path, filter, channel);
    return this.numbers.slice(start, start + count);
  }

  /** Change one filter's weights for one channel, and run on from there; other arrays stay the model's own. */
  setKernel(path, filter, channel, values) {
    const { step, start, count } = this._kernelPlace(path, filter, channel);
    if (values.length !== count) throw new Error(`expected ${count} numbers, received ${values.length}`);
    if (!this.original) this.original = this.numbers.slice();
    this.numbers.set(values, start);
    step.operation.refresh();
    return this.rerun(this.steps.indexOf(step));
  }

  /** Put every weight back (or one filter's for one channel), and run on from there. */
  resetKernel(path, filter, channel) {
    if (!this.original) return this.outputs;
    if (path !== undefined) {
      const { start, count } = this._kernelPlace(path, filter, channel);
      return this.setKernel(path, filter, channel, this.original.slice(start, start + count));
    }
    this.numbers.set(this.original);
    for (const step of this.steps) if (step.operation.refresh) step.operation.refresh();
    return this.rerun(0);
  }

  /** Take other weights (as packed) in place of all; what was changed by hand is gone. */
  take(weights) {
    this.numbers.set(new Float32Array(decode(weights.data).buffer));
    this.original = null;
    for (const step of this.steps) if (step.operation.refresh) step.operation.refresh();
  }

  /** Whether a kernel differs from the trained one. */
  isChanged(path, filter, channel) {
    if (!this.original) return false;
    const { start, count } = this._kernelPlace(path, filter, channel);
    for (let i = start; i < start + count; i++) if (this.numbers[i] !== this.original[i]) return true;
    return false;
  }

  /** Whether any kernel differs from the trained one. */
  get isAnyChanged() {
    return Boolean(this.original) && this.numbers.some((value, i) => value !== this.original[i]);
  }

  _kernelPlace(path, filter, channel) {
    const step = this._step(path);
    if (!step.operation.kernel) throw new Error(`${path} has no kernels to change`);
    const [height, width, each] = step.operation.kernel;
    if (!(filter >= 0 && filter < step.shape[2] && channel >= 0 && channel < each)) {
      throw new Error(`expected one of ${step.shape[2]} filters and ${each} channels, received ${filter}, ${channel}`);
    }
    return { step, start: step.node.weights.weight[0] + (filter * each + channel) * height * width, count: height * width };
  }

  _step(path) {
    const step = this.byPath.get(path);
    if (!step) throw new Error(`no layer is called ${path}; there are ${[...this.byPath.keys()].join(", ")}`);
    return step;
  }

  _chain(nodes, source) {
    for (const node of nodes) source = this._node(node, source);
    return source;
  }

  _node(node, source) {
    if (node.kind === "auxiliary") return source;
    if (node.kind === "chain") return this._chain(node.nodes, source);
    return this._add(node, node.nodes ? node.nodes.map((branch) => this._node(branch, source)) : [source]);
  }

  _add(node, sources) {
    const shape = spread(node.output);
    const weights = {};
    for (const [name, [offset, length]] of Object.entries(node.weights || {})) {
      weights[name] = this.numbers.subarray(offset, offset + length);
    }
    const operation = makeOperation(
      node.operation,
      sources.map((tensor) => tensor.shape),
      shape,
      weights,
    );
    const count = size(shape);
    const before = node.activation ? new Float32Array(count) : null;
    const step = { path: node.path, node, sources, shape, operation, before, data: new Float32Array(count) };
    this.steps.push(step);
    this.byPath.set(node.path, step);
    return step;
  }

  // from row, column, channel to channel after channel
  _flattened(input) {
    const [height, width, channels] = this.picture;
    const found = new Float32Array(input.length);
    for (let place = 0; place < height * width; place++) {
      for (let c = 0; c < channels; c++) found[c * height * width + place] = input[place * channels + c];
    }
    return found;
  }

  // a run of a flat input's numbers as a region of the picture
  _pictured({ channels: [first, last] }) {
    const [height, width] = this.picture;
    let found = null;
    for (let k = first; k <= last; k++) {
      const place = k % (height * width);
      const [row, column, channel] = [Math.floor(place / width), place % width, Math.floor(k / (height * width))];
      found = united(found, { rows: [row, row], columns: [column, column], channels: [channel, channel] });
    }
    return found;
  }
}

/** The rows and columns of the input that a place sees, not clipped to the picture. */
export function fieldAt(field, row, column) {
  return { rows: span(field.rows, row), columns: span(field.columns, column) };
}

/** Bytes of base64. */
export function decode(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

function span(axis, position) {
  const period = axis.firsts.length;
  const phase = position % period;
  const moved = Math.floor(position / period) * axis.advance;
  return [axis.firsts[phase] + moved, axis.lasts[phase] + moved];
}

function clipped(region, shape) {
  const found = {};
  for (const [i, name] of ["rows", "columns", "channels"].entries()) {
    found[name] = [Math.max(0, region[name][0]), Math.min(shape[i] - 1, region[name][1])];
    if (found[name][0] > found[name][1]) return null;
  }
  return found;
}
