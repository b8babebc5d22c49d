// What the room Learn has learnt in this page, as the engine of pages runs it.

import { h, held } from "hubel/view/dom";
import { paint } from "hubel/studio/kernels";
import { DEVIATION, MEAN, SIDE } from "hubel/studio/learn/digits";

export const LEARNT = ".learnt"; // in place of a run's name, of which none begins so
const SAMPLES = 8;

/** `own`: {about, net, digits, seen, right, lastWrong} of the network that Learn has, null before there is one. */
export const learnt = { own: null };

/** The network with its weights of this moment, as `load` takes it. */
export function packed({ about, net }) {
  const places = {};
  let length = 0;
  about.steps.filter(({ kind }) => kind === "conv" || kind === "dense").forEach(({ path }, at) => {
    for (const part of ["weight", "bias"]) {
      places[`${path}.${part}`] = [length, net.weighted[at][part].length];
      length += net.weighted[at][part].length;
    }
  });
  const placed = (node) => ({
    ...node,
    ...(node.nodes ? { nodes: node.nodes.map(placed) } : {}),
    ...(node.weights ? { weights: Object.fromEntries(Object.entries(node.weights).map(([part, name]) => [part, places[name]])) } : {}),
  });
  return {
    format: 1, name: about.name, task: "classification", classes: [..."0123456789"],
    input: about.steps[0].input.length === 3 ? about.steps[0].input : [SIDE, SIDE, 1], output: about.output, body: about.body.map(placed),
    preprocessing: { height: SIDE, width: SIDE, channels: 1, mean: [MEAN], std: [DEVIATION], fit: "pad", ink: "light", frame: { box: 20, centre: "mass" }, levels: null },
    parameters: about.parameters, macs: about.macs, weights: weights(net), kernels: held("kernels"), colours: held("ramps"),
  };
}

/** Its weights as `Model.take` takes them. */
export function weights(net) {
  const arrays = net.weighted.flatMap(({ weight, bias }) => [weight, bias]);
  const bytes = new Uint8Array(arrays.reduce((all, each) => all + each.byteLength, 0));
  let at = 0;
  for (const each of arrays) {
    bytes.set(new Uint8Array(each.buffer, each.byteOffset, each.byteLength), at);
    at += each.byteLength;
  }
  let text = "";
  for (let from = 0; from < bytes.length; from += 0x8000) text += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
  return { dtype: "float32", data: btoa(text) };
}

/** Some of the digits that it never learns from, to look by. */
export function samples({ digits }) {
  return Array.from({ length: SAMPLES }, (_, at) => digits.training + at).map((index) =>
    ({ name: `held-out digit ${index - digits.training + 1}`, label: String(digits.label(index)), picture: picture(digits, index).toDataURL() }));
}

/** A digit as a canvas. */
export function picture(digits, index) {
  const canvas = h("canvas", { width: digits.side, height: digits.side });
  const pixels = digits.pixels(index);
  paint(canvas, digits.side, digits.side, (i) => [pixels[i], pixels[i], pixels[i]]);
  return canvas;
}
