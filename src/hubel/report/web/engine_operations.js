// Which operation a packed node is. Each one answers three questions: `run(sources, out)` computes it,
// `terms(sources, row, column, channel)` lists what made one number, and `window(region, branch)` says which region of
// a source a region of the output looks at.

import { makeConvolution, makeDense, makeLocal, makePool, makeRadial, makeTransposed } from "hubel/engine_windows";
import {
  makeActivation,
  makeAffine,
  makeExcite,
  makeGroupNorm,
  makeIdentity,
  makeLayerNorm,
  makeLocalResponse,
} from "hubel/engine_points";
import {
  makeConcat,
  makePad,
  makePadChannels,
  makeProduct,
  makeReshape,
  makeSelect,
  makeSum,
  makeUpsample,
} from "hubel/engine_moves";

const MAKERS = {
  convolution: makeConvolution,
  transposed: makeTransposed,
  local: makeLocal,
  dense: makeDense,
  radial: makeRadial,
  pool: makePool,
  affine: makeAffine,
  layer_norm: makeLayerNorm,
  group_norm: makeGroupNorm,
  local_response: makeLocalResponse,
  excite: makeExcite,
  activation: makeActivation,
  identity: makeIdentity,
  reshape: makeReshape,
  pad: makePad,
  pad_channels: makePadChannels,
  select: makeSelect,
  upsample: makeUpsample,
};

/** The operation of a node, for sources and an output of these shapes [rows, columns, channels]. */
export function makeOperation(node, inputs, output, weights) {
  if (node.kind === "sum") return makeSum(inputs, output);
  if (node.kind === "product") return makeProduct(inputs, output);
  if (node.kind === "concat") return makeConcat(inputs, output);
  const make = MAKERS[node.operation.name];
  if (!make)
    throw new Error(`expected an operation of ${Object.keys(MAKERS).join(", ")}, received ${node.operation.name}`);
  return make(node.operation, inputs[0], output, weights);
}
