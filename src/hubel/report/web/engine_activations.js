// The activations: one function on each number; softmax on the channels of each place.

const FUNCTIONS = {
  relu: (x) => (x > 0 ? x : 0),
  relu6: (x) => (x > 0 ? (x < 6 ? x : 6) : 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  hardswish: (x) => (x <= -3 ? 0 : x >= 3 ? x : (x * (x + 3)) / 6),
  linear: (x) => x,
};

/** What each function is, for people. */
export const FORMULAS = {
  relu: "max(x, 0)",
  relu6: "min(max(x, 0), 6)",
  tanh: "tanh x",
  sigmoid: "1/(1 + e⁻ˣ)",
  silu: "x/(1 + e⁻ˣ)",
  gelu: "x·Φ(x)",
  hardswish: "x·min(max(x + 3, 0), 6)/6",
  softmax: "eˣ/Σeˣ",
  leaky: "x, or slope·x below 0",
};

/** Apply a function by name, from one array to another; `channels` is what a softmax runs over. */
export function activate(name, from, to, channels, slope = 0.01) {
  if (name === "softmax") softmax(from, to, channels);
  else if (name === "leaky") for (let i = 0; i < from.length; i++) to[i] = from[i] >= 0 ? from[i] : slope * from[i];
  else {
    const apply = FUNCTIONS[name];
    if (!apply) throw new Error(`expected an activation of ${Object.keys(FUNCTIONS).join(", ")}, received ${name}`);
    for (let i = 0; i < from.length; i++) to[i] = apply(from[i]);
  }
}

function softmax(from, to, channels) {
  for (let start = 0; start < from.length; start += channels) {
    let largest = -Infinity;
    for (let i = start; i < start + channels; i++) largest = Math.max(largest, from[i]);
    let total = 0;
    for (let i = start; i < start + channels; i++) total += Math.exp(from[i] - largest);
    for (let i = start; i < start + channels; i++) to[i] = Math.exp(from[i] - largest) / total;
  }
}

// Abramowitz & Stegun, formula 7.1.26: right to 1.5e-7
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const found = 1 - series * Math.exp(-x * x);
  return x >= 0 ? found : -found;
}
