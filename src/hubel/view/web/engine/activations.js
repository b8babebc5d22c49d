// The activations: one function on each number; softmax and its logarithm on the channels of each place.

import { FUNCTIONS } from "hubel/view/engine/functions";

/** A function by name: `apply` to a number, its `formula` for people, the `low` and `high` that it stays between. */
export function functionOf(name) {
  const found = FUNCTIONS[name];
  if (!found) throw new Error(`expected an activation of ${Object.keys(FUNCTIONS).join(", ")}, received ${name}`);
  return found;
}

/** Apply a function by name, from one array to another; `channels` is what a softmax runs over. */
export function activate(name, from, to, channels, constants = {}) {
  const { apply, names } = functionOf(name);
  if (!apply) return (name === "softmax" ? softmax : logSoftmax)(from, to, channels);
  const [a, b, c] = names.map((constant) => constants[constant]);
  for (let i = 0; i < from.length; i++) to[i] = apply(from[i], a, b, c);
}

/** ln Σ eˣ over `channels` numbers from `start` on. */
export function logSum(values, start, channels) {
  let largest = -Infinity;
  for (let i = start; i < start + channels; i++) largest = Math.max(largest, values[i]);
  let total = 0;
  for (let i = start; i < start + channels; i++) total += Math.exp(values[i] - largest);
  return largest + Math.log(total);
}

function logSoftmax(from, to, channels) {
  for (let start = 0; start < from.length; start += channels) {
    const all = logSum(from, start, channels);
    for (let i = start; i < start + channels; i++) to[i] = from[i] - all;
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
