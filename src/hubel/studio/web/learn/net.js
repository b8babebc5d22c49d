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

class Convolution {
  constructor({ input, output, windows, bias }, chance) {
    [this.height, this.width, this.channels] = input;
    [this.rows, this.columns, this.filters] = output;
    this.windows = windows;
    const [tall, wide] = windows.map(({ kernel }) => kernel);
    weights(this, this.filters * this.channels * tall * wide, this.filters, this.channels * tall * wide, bias, chance);
    this.values = new Float32Array(this.filters * this.rows * this.columns);
    this.back = new Float32Array(this.channels * this.height * this.width);
    this.reach = [reached(windows[0], this.height, this.rows), reached(windows[1], this.width, this.columns)];
  }

  forward(given) {
    const { values, weight, bias, rows, columns } = this;
    this.given = given;
    for (let filter = 0; filter < this.filters; filter++) values.fill(bias[filter], filter * rows * columns, (filter + 1) * rows * columns);
    this.each((w, y, x, from, to, step, length) => {
      const factor = weight[w];
      for (let i = 0, j = from; i < length; i++, j += step) values[to + i] += factor * given[j];
    });
    return values;
  }

  backward(slopes, wanted) {
    const { given, weight, back, rows, columns } = this;
    const [own, ofBias] = this.slopes;
    for (let filter = 0, i = 0; filter < this.filters; filter++) for (let n = rows * columns; n; n--) ofBias[filter] += slopes[i++];
    back.fill(0);
    this.each((w, y, x, from, to, step, length) => {
      const factor = weight[w];
      let sum = 0;
      if (wanted) for (let i = 0, j = from; i < length; i++, j += step) {
        const slope = slopes[to + i];
        sum += slope * given[j];
        back[j] += factor * slope;
      } else for (let i = 0, j = from; i < length; i++, j += step) sum += slopes[to + i] * given[j];
      own[w] += sum;
    });
    return back;
  }

  /** For each weight and each row that it meets: where it reads, where it writes, its stride, and how often. */
  each(act) {
    const [down, along] = this.windows;
    const [vertical, horizontal] = this.reach;
    let w = 0;
    for (let filter = 0; filter < this.filters; filter++) for (let channel = 0; channel < this.channels; channel++) {
      for (let y = 0; y < down.kernel; y++) for (let x = 0; x < along.kernel; x++, w++) {
        const [top, bottom] = vertical[y];
        const [left, right] = horizontal[x];
        for (let row = top; row < bottom; row++) {
          const from = (channel * this.height + row * down.stride - down.before + y * down.dilation) * this.width + left * along.stride - along.before + x * along.dilation;
          act(w, y, x, from, (filter * this.rows + row) * this.columns + left, along.stride, right - left);
        }
      }
    }
  }
}

/** For each place of a kernel, the first and (not including) the last place of the output at which it meets the input. */
function reached({ kernel, stride, before, dilation }, length, places) {
  return Array.from({ length: kernel }, (_, at) => {
    const first = Math.max(0, Math.ceil((before - at * dilation) / stride));
    const last = Math.min(places - 1, Math.floor((length - 1 + before - at * dilation) / stride));
    return [first, Math.max(first, last + 1)];
  });
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
