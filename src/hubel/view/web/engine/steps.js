// Operations on sequences, which are pictures of one column: numbers looked up, and a state carried along the steps.

import { activate } from "hubel/view/engine/activations";
import { Terms } from "hubel/view/engine/terms";

/** A row of a table for each whole number; weights are numbers × features. */
export function makeEmbed({ numbers }, input, output, { weight }) {
  const features = output[2];
  function rowOf(number) {
    if (!(Number.isInteger(number) && number >= 0 && number < numbers)) {
      throw new Error(`expected whole numbers below ${numbers}, received ${number}`);
    }
    return number * features;
  }
  return {
    run([data], out) {
      for (let t = 0; t < data.length; t++) {
        out.set(weight.subarray(rowOf(data[t]), rowOf(data[t]) + features), t * features);
      }
    },
    terms([data], t, q, c) {
      const found = new Terms();
      found.share(data[t], null, weight[rowOf(data[t]) + c], [0, 0, t]);
      return { rule: "row", terms: found.terms };
    },
    window: ({ rows }) => ({ rows: [0, 0], columns: [0, 0], channels: rows }),
  };
}

const GATES = { simple: ["new"], lstm: ["input", "forget", "new", "output"], gru: ["reset", "update", "new"] };
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** A state carried along the steps; weights are gates·units × features, and gates·units × units. */
export function makeRecur(settings, input, output, { weight, recurrent, bias, recurrent_bias: inner }) {
  const { cell, units, sequences, backwards, function: name } = settings;
  const [steps, , features] = input;
  const gates = GATES[cell];
  const many = gates.length * units;
  const fromInput = new Float64Array(many);
  const fromState = new Float64Array(many);
  const one = [new Float64Array(1), new Float64Array(1)];

  function weigh(data, at, inputs, weights, biases, to) {
    for (let k = 0; k < many; k++) {
      let sum = biases ? biases[k] : 0;
      for (let i = 0; i < inputs; i++) sum += data[at + i] * weights[k * inputs + i];
      to[k] = sum;
    }
  }

  // what the gates of one unit are, and the state and the cell after them
  function opened(u, state, memory) {
    const sum = (gate) => fromInput[gate * units + u] + fromState[gate * units + u];
    if (cell === "lstm") {
      const [i, f, o] = [sum(0), sum(1), sum(3)].map(sigmoid);
      const g = Math.tanh(sum(2));
      const after = f * memory + i * g;
      return { values: [i, f, g, o], memory: after, state: o * Math.tanh(after) };
    }
    if (cell === "gru") {
      const [r, z] = [sum(0), sum(1)].map(sigmoid);
      const n = Math.tanh(fromInput[2 * units + u] + r * fromState[2 * units + u]);
      return { values: [r, z, n], memory, state: n + z * (state - n) };
    }
    one[0][0] = sum(0);
    activate(name, one[0], one[1], 1);
    return { values: [one[1][0]], memory, state: one[1][0] };
  }

  const stepOf = (order) => (backwards ? steps - 1 - order : order);

  // go along the steps up to `last`; `see` is shown each state, and what the gates of a unit were
  function carry(data, last, see) {
    let state = new Float64Array(units);
    const memory = new Float64Array(units);
    for (let order = 0; order <= last; order++) {
      weigh(data, stepOf(order) * features, features, weight, bias, fromInput);
      weigh(state, 0, units, recurrent, inner, fromState);
      const before = state;
      const told = Array.from(before, (value, u) => opened(u, value, memory[u]));
      state = Float64Array.from(told, (one) => one.state);
      told.forEach((one, u) => (memory[u] = one.memory));
      see(order, state, told, before);
    }
  }

  function run([data], out) {
    carry(data, steps - 1, (order, state) => {
      if (sequences) out.set(state, order * units);
      else if (order === steps - 1) out.set(state);
    });
  }

  // the numbers of this step, weighed for the new state; the gates and the state before are told beside them
  function terms([data], r, q, u) {
    const last = sequences ? r : steps - 1;
    const found = new Terms();
    let told = null;
    carry(data, last, (order, state, all, before) => {
      if (order === last) told = { gates: all[u].values.map((value, i) => [gates[i], value]), stateBefore: before[u] };
    });
    const at = stepOf(last);
    const row = (gates.indexOf("new") * units + u) * features;
    for (let i = 0; i < features; i++) found.add(data[at * features + i], weight[row + i], [at, 0, i]);
    return { rule: "recur", terms: found.terms, ...told };
  }

  function window({ rows: [, b] }) {
    const last = sequences ? b : steps - 1;
    return { rows: backwards ? [steps - 1 - last, steps - 1] : [0, last], columns: [0, 0], channels: [0, features - 1] };
  }

  return { run, terms, window, carry };
}

/** A sentence: the state's first step is given the features, each later one the row of the likeliest word before. */
export function makeWrite(settings, input, output, { table, next, next_bias: nextBias, ...weights }) {
  const [steps, , words] = output;
  const features = input[2];
  const { units } = settings;
  const recur = makeRecur({ ...settings, sequences: true, function: "tanh" }, [steps, 1, features], output, weights);

  function score(state, word) {
    let sum = nextBias[word];
    for (let u = 0; u < units; u++) sum += state[u] * next[word * units + u];
    return sum;
  }

  // each step's state is shown before the next one is given its word
  function say(data, last, see) {
    const given = new Float32Array(steps * features);
    given.set(data);
    recur.carry(given, last, (order, state) => {
      let best = 0;
      const scores = Float64Array.from({ length: words }, (_, word) => score(state, word));
      for (let word = 1; word < words; word++) if (scores[word] > scores[best]) best = word;
      if (order + 1 < steps) given.set(table.subarray(best * features, (best + 1) * features), (order + 1) * features);
      see(order, state, scores, best);
    });
  }

  function run([data], out) {
    say(data, steps - 1, (order, state, scores) => out.set(scores, order * words));
  }

  // what the picture gives to the unit that says most for or against the word, at the first step
  function terms([data], r, q, word) {
    const found = new Terms();
    const said = [];
    let now;
    say(data, r, (order, state, scores, best) => {
      now = state;
      if (order < r) said.push(best);
    });
    let unit = 0;
    for (let u = 1; u < units; u++) {
      if (Math.abs(now[u] * next[word * units + u]) > Math.abs(now[unit] * next[word * units + unit])) unit = u;
    }
    const row = (GATES[settings.cell].indexOf("new") * units + unit) * features;
    for (let i = 0; i < features; i++) found.add(data[i], weights.weight[row + i], [0, 0, i]);
    return { rule: "write", terms: found.terms, said, wordUnit: unit, wordState: now[unit], units };
  }

  return { run, terms, window: () => ({ rows: [0, 0], columns: [0, 0], channels: [0, features - 1] }) };
}
