// ONNX Runtime, as WebAssembly inside the page, as what computes answers.

import { makePreparation } from "hubel/view/engine/prepare";
import { decode } from "hubel/view/engine/model";
import { runtime } from "hubel/export/onnxruntime";

export async function makeRunner() {
  const packed = JSON.parse(document.getElementById("model").textContent);
  const bytes = (id) => decode(JSON.parse(document.getElementById(id).textContent));
  runtime.env.wasm.wasmBinary = bytes("wasm");
  runtime.env.wasm.numThreads = 1;
  const session = await runtime.InferenceSession.create(bytes("onnx"), { executionProviders: ["wasm"] });
  const prepare = makePreparation(packed.preprocessing);
  const { height, width, channels } = packed.preprocessing;
  async function answered(pixels) {
    const picture = Uint8Array.from(prepare(pixels).picture);
    const image = new runtime.Tensor("uint8", picture, [1, height, width, channels]);
    return session.run({ image });
  }
  return {
    packed,
    shares: async (pixels) => {
      const { probabilities, numbers } = await answered(pixels);
      return [...(probabilities ?? numbers).data];
    },
    scores: async (pixels) => {
      const found = await answered(pixels);
      const { data, dims } = found.scores ?? found.probabilities;
      const [, classes, rows, columns] = dims;
      const values = new Float32Array(data.length);
      // of probabilities less the same number for all classes of a place, which moves no class before another
      const told = found.scores ? (value) => value : (value) => Math.log(value + 1e-38);
      for (let place = 0; place < rows * columns; place++) {
        for (let c = 0; c < classes; c++) values[place * classes + c] = told(data[c * rows * columns + place]);
      }
      return { values, rows, columns, classes };
    },
  };
}
