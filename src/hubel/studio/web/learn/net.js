// A network that learns: forward, backward and Adam over flat arrays, channels first, one example at a time.

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

/** Numbers that look drawn from 0 to 1, the same for a seed (mulberry32). */
export function drawn(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A network of steps as `trained` describes them; weights are drawn as PyTorch draws them, up to 1/√fan-in. */
export class Net {
  constructor(steps, seed = 0) {
    const chance = drawn(seed);
    this.layers = steps.map((step) => KINDS[step.kind](step, chance));
    this.inputs = steps[0].input.reduce((all, each) => all * each, 1);
    this.weighted = this.layers.filter((layer) => layer.weight);
    this.updates = 0;
  }

  /** Take the weights of another of the same steps. */
  take(other) {
    this.weighted.forEach((layer, at) => {
      layer.weight.set(other.weighted[at].weight);
      layer.bias.set(other.weighted[at].bias);
    });
  }

  /** The scores of one example, an array that the next call writes over. */
  forward(example) {
    let values = example;
    for (const layer of this.layers) values = layer.forward(values);
    return values;
  }

  /** Add an example's gradients: {loss, right}. */
  learn(example, label) {
    const scores = this.forward(example);
    const most = Math.max(...scores);
    const shares = Float32Array.from(scores, (score) => Math.exp(score - most));
    const all = shares.reduce((sum, each) => sum + each, 0);
    const loss = Math.log(all) - (scores[label] - most);
    const right = scores[label] === most;
    let slopes = shares.map((share, at) => share / all - (at === label ? 1 : 0));
    for (let at = this.layers.length - 1; at >= 0; at--) slopes = this.layers[at].backward(slopes, at > 0);
    return { loss, right };
  }

  /** How steeply each number of an example changes one score. */
  steepness(example, which) {
    const kept = this.weighted.map((layer) => layer.slopes.map((own) => own.slice())); // of a step that is under way
    let slopes = this.forward(example).map((_, at) => Number(at === which));
    for (let at = this.layers.length - 1; at >= 0; at--) slopes = this.layers[at].backward(slopes, true);
    this.weighted.forEach((layer, at) => layer.slopes.forEach((own, i) => own.set(kept[at][i]))); // nothing was learnt by it
    return Float32Array.from(slopes);
  }

  /** Change the weights by the mean of the gradients of so many examples, and begin anew (Kingma, Ba 2015). */
  update(rate, examples) {
    this.updates += 1;
    const size = (rate * Math.sqrt(1 - BETA2 ** this.updates)) / (1 - BETA1 ** this.updates);
    for (const layer of this.weighted) {
      for (const [values, slopes, first, second] of layer.learned) {
        for (let i = 0; i < values.length; i++) {
          const slope = slopes[i] / examples;
          first[i] = BETA1 * first[i] + (1 - BETA1) * slope;
          second[i] = BETA2 * second[i] + (1 - BETA2) * slope * slope;
          values[i] -= (size * first[i]) / (Math.sqrt(second[i]) + EPSILON);
          slopes[i] = 0;
        }
      }
    }
  }
}

/** What all layers with weights have: numbers, their gradients, and Adam's means of both. */
function weights(layer, number, outputs, inputs, bias, chance) {
  const bound = 1 / Math.sqrt(inputs);
  layer.weight = Float32Array.from({ length: number }, () => (2 * chance() - 1) * bound);
  layer.bias = Float32Array.from({ length: outputs }, () => (bias ? (2 * chance() - 1) * bound : 0));
  layer.slopes = [new Float32Array(number), new Float32Array(outputs)];
  layer.learned = [layer.weight, layer.bias].slice(0, bias ? 2 : 1).map((values, at) =>
    [values, layer.slopes[at], new Float32Array(values.length), new Float32Array(values.length)]);
}

// Each place of the output has its window written out in a row, so that what is summed lies together; and slopes of
// nought, of which a maximum and a relu leave most, are passed over.
class Convolution {
  constructor({ input, output, windows, bias }, chance) {
    const [rows, columns, filters] = output;
    const [tall, wide] = windows.map(({ kernel }) => kernel);
    Object.assign(this, { windows, filters, places: rows * columns, size: input[2] * tall * wide });
    weights(this, filters * this.size, filters, this.size, bias, chance);
    this.from = sources(input, output, windows);
    this.written = new Float32Array(this.from.length);
    this.values = new Float32Array(filters * this.places);
    this.back = new Float32Array(input[2] * input[0] * input[1]);
    this.share = new Float32Array(this.size);
  }

  forward(given) {
    const { from, written, values, weight, bias, places, size } = this;
    for (let i = 0; i < from.length; i++) written[i] = from[i] < 0 ? 0 : given[from[i]];
    for (let filter = 0, to = 0; filter < this.filters; filter++) {
      for (let place = 0, i = 0; place < places; place++) {
        let sum = bias[filter];
        for (let w = filter * size, end = w + size; w < end; w++, i++) sum += weight[w] * written[i];
        values[to++] = sum;
      }
    }
    return values;
  }

  backward(slopes, wanted) {
    const { from, written, weight, back, share, places, size } = this;
    const [own, ofBias] = this.slopes;
    back.fill(0);
    for (let place = 0, start = 0; place < places; place++, start += size) {
      let some = false;
      for (let filter = 0, w = 0; filter < this.filters; filter++, w += size) {
        const slope = slopes[filter * places + place];
        if (!slope) continue;
        ofBias[filter] += slope;
        for (let i = 0; i < size; i++) own[w + i] += slope * written[start + i];
        if (!wanted) continue;
        if (!some) share.fill(0);
        some = true;
        for (let i = 0; i < size; i++) share[i] += slope * weight[w + i];
      }
      if (some) for (let i = 0; i < size; i++) if (from[start + i] >= 0) back[from[start + i]] += share[i];
    }
    return back;
  }
}

/** Where each place of the output reads, window after window in the order of a filter's weights; -1 in the padding. */
function sources([height, width, channels], [rows, columns], [down, along]) {
  const found = new Int32Array(rows * columns * channels * down.kernel * along.kernel);
  let at = 0;
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) for (let channel = 0; channel < channels; channel++) {
    for (let y = row * down.stride - down.before, i = 0; i < down.kernel; i++, y += down.dilation) {
      for (let x = column * along.stride - along.before, j = 0; j < along.kernel; j++, x += along.dilation) {
        found[at++] = y < 0 || y >= height || x < 0 || x >= width ? -1 : (channel * height + y) * width + x;
      }
    }
  }
  return found;
}

class Dense {
  constructor({ input, output, bias }, chance) {
    [this.inputs, this.units] = [input[0], output[0]];
    weights(this, this.inputs * this.units, this.units, this.inputs, bias, chance);
    this.values = new Float32Array(this.units);
    this.back = new Float32Array(this.inputs);
  }

  forward(given) {
    const { inputs, weight } = this;
    this.given = given;
    for (let unit = 0; unit < this.units; unit++) {
      let sum = this.bias[unit];
      for (let i = 0, w = unit * inputs; i < inputs; i++) sum += weight[w + i] * given[i];
      this.values[unit] = sum;
    }
    return this.values;
  }

  backward(slopes) {
    const { inputs, weight, given, back } = this;
    const [own, ofBias] = this.slopes;
    back.fill(0);
    for (let unit = 0; unit < this.units; unit++) {
      const slope = slopes[unit];
      if (!slope) continue;
      ofBias[unit] += slope;
      for (let i = 0, w = unit * inputs; i < inputs; i++) {
        own[w + i] += slope * given[i];
        back[i] += slope * weight[w + i];
      }
    }
    return back;
  }
}

class Pool {
  constructor({ kind, input, output, spans }) {
    Object.assign(this, { kind, spans });
    [this.height, this.width] = input;
    this.channels = output.at(-1);
    const number = this.channels * spans[0].length * spans[1].length;
    this.values = new Float32Array(number);
    this.highest = new Int32Array(number);
    this.back = new Float32Array(this.channels * this.height * this.width);
  }

  forward(given) {
    const isMax = this.kind === "max";
    let to = 0;
    for (let channel = 0; channel < this.channels; channel++) for (const [top, bottom, tall] of this.spans[0]) for (const [left, right, wide] of this.spans[1]) {
      let [most, highest, sum] = [-Infinity, 0, 0];
      for (let row = top; row < bottom; row++) for (let column = left, i = (channel * this.height + row) * this.width + left; column < right; column++, i++) {
        sum += given[i];
        if (given[i] > most) [most, highest] = [given[i], i];
      }
      this.highest[to] = highest;
      this.values[to++] = isMax ? most : sum / (tall * wide);
    }
    return this.values;
  }

  backward(slopes) {
    const { back } = this;
    back.fill(0);
    if (this.kind === "max") {
      for (let i = 0; i < slopes.length; i++) back[this.highest[i]] += slopes[i];
      return back;
    }
    let from = 0;
    for (let channel = 0; channel < this.channels; channel++) for (const [top, bottom, tall] of this.spans[0]) for (const [left, right, wide] of this.spans[1]) {
      const share = slopes[from++] / (tall * wide);
      for (let row = top; row < bottom; row++) for (let column = left, i = (channel * this.height + row) * this.width + left; column < right; column++, i++) back[i] += share;
    }
    return back;
  }
}

const FUNCTIONS = {
  relu: [(x) => (x > 0 ? x : 0), (y) => (y > 0 ? 1 : 0)],
  tanh: [Math.tanh, (y) => 1 - y * y],
  sigmoid: [(x) => 1 / (1 + Math.exp(-x)), (y) => y * (1 - y)],
};

class Activation {
  constructor({ function: name, output }) {
    [this.of, this.slope] = FUNCTIONS[name];
    this.values = new Float32Array(output.reduce((all, each) => all * each, 1));
    this.back = new Float32Array(this.values.length);
  }

  forward(given) {
    for (let i = 0; i < given.length; i++) this.values[i] = this.of(given[i]);
    return this.values;
  }

  backward(slopes) {
    for (let i = 0; i < slopes.length; i++) this.back[i] = slopes[i] * this.slope(this.values[i]);
    return this.back;
  }
}

const KINDS = {
  conv: (step, chance) => new Convolution(step, chance),
  dense: (step, chance) => new Dense(step, chance),
  max: (step) => new Pool(step),
  mean: (step) => new Pool(step),
  activate: (step) => new Activation(step),
};
