// Which operation a packed node is; the names are those of `hubel.arch.ops`. Each one answers three questions:
// `run(sources, out)` computes it, `terms(sources, row, column, channel)` lists what made one number, and
// `window(region, branch)` says which region of a source a region of the output looks at. Some say more: `isIdentity`,
// `keepsSign` (what is not below zero stays so), `kernel` (what there is of a filter, to be changed).

import { makeConvolution, makeDense, makeLocal, makeRadial, makeSpan } from "hubel/view/engine/windows";
import { makeTransposed } from "hubel/view/engine/transposed";
import { makeActivation, makeAffine, makeCompetition, makeIdentity, makeLocalResponse, makeNormalise, makeSlope } from "hubel/view/engine/points";
import { makeBlocks, makeConcat, makePad, makeProduct, makeSelect, makeSum, makeUpsample, makeView } from "hubel/view/engine/moves";
import { makeEmbed, makeRecur, makeWrite } from "hubel/view/engine/steps";

const MAKERS = {
  WindowedSum: makeConvolution,
  TransposedSum: makeTransposed,
  LocalSum: makeLocal,
  DenseSum: makeDense,
  RadialSum: makeRadial,
  Span: makeSpan,
  Affine: makeAffine,
  Slope: makeSlope,
  Normalise: makeNormalise,
  Respond: makeLocalResponse,
  Compete: makeCompetition,
  Activate: makeActivation,
  Pass: makeIdentity,
  View: makeView,
  Pad: makePad,
  Select: makeSelect,
  Blocks: makeBlocks,
  Upsample: makeUpsample,
  Embed: makeEmbed,
  Recur: makeRecur,
  Write: makeWrite,
};
const JOINS = { add: makeSum, concat: makeConcat, multiply: makeProduct };
const ROLES = ["weight", "bias", "mean", "variance", "recurrent", "recurrent_bias", "table", "next", "next_bias"];

/** A shape as [rows, columns, channels]: a vector is a picture of one place, a sequence one of one column. */
export function spread(shape) {
  if (shape.length === 3) return shape;
  return shape.length === 2 ? [shape[0], 1, shape[1]] : [1, 1, shape[0]];
}

/** How many numbers a shape holds. */
export function size(shape) {
  return shape.reduce((product, length) => product * length, 1);
}

/** The operation of packed settings, for sources and an output of these shapes [rows, columns, channels]. */
export function makeOperation(settings, inputs, output, weights) {
  if (settings.kind === "Join") {
    return settings.branches.length ? makeBranches(settings, inputs[0], output, weights) : makeJoin(settings, inputs, output);
  }
  const make = MAKERS[settings.kind];
  if (!make) throw new Error(`expected an operation of ${Object.keys(MAKERS).join(", ")}, received ${settings.kind}`);
  const named = ROLES.filter((role) => settings[role]).map((role) => [role, weights[settings[role]]]);
  return make(settings, inputs[0], output, Object.fromEntries(named));
}

function makeJoin({ how }, inputs, output) {
  return JOINS[how](inputs, output);
}

// Branches that are part of one layer: each is a chain of operations, run on the layer's own input. What fed a number
// is told of the first branch, which passes the input on.
function makeBranches({ how, branches }, input, output, weights) {
  const chains = branches.map((branch) => new Inner(branch, input, weights));
  const join = makeJoin(
    { how },
    chains.map((chain) => chain.shape),
    output,
  );
  const all = (data) => chains.map((chain) => chain.run(data));
  return {
    run: ([data], out) => join.run(all(data), out),
    terms: ([data], r, q, c) => join.terms(all(data), r, q, c),
    window: (region) => chains.map((chain, branch) => chain.window(join.window(region, branch))).reduce(united),
    refresh: () => chains.forEach((chain) => chain.refresh()),
  };
}

class Inner {
  constructor(branch, input, weights) {
    this.shape = input;
    this.steps = branch.map((settings) => {
      const [from, to] = [spread(settings.input), spread(settings.output)];
      this.shape = to;
      return { operation: makeOperation(settings, [from], to, weights), data: new Float32Array(size(to)) };
    });
  }

  run(data) {
    for (const step of this.steps) {
      step.operation.run([data], step.data);
      data = step.data;
    }
    return data;
  }

  refresh() {
    for (const { operation } of this.steps) if (operation.refresh) operation.refresh();
  }

  window(region) {
    return this.steps.reduceRight((seen, { operation }) => operation.window(seen, 0), region);
  }
}

/** The region that holds both. */
export function united(a, b) {
  if (!a || !b) return a || b;
  const found = {};
  for (const name of ["rows", "columns", "channels"]) {
    found[name] = [Math.min(a[name][0], b[name][0]), Math.max(a[name][1], b[name][1])];
  }
  return found;
}
