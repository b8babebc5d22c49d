// The page's own engine as what computes answers.

import { load } from "hubel/view/engine/model";

export async function makeRunner() {
  const packed = JSON.parse(document.getElementById("model").textContent);
  const model = load(packed);
  async function scores(pixels) {
    model.run(model.prepare(pixels).input);
    const [rows, columns, classes] = model.result.shape;
    return { values: model.scores, rows, columns, classes };
  }
  return {
    packed,
    shares: async (pixels) => {
      model.run(model.prepare(pixels).input);
      return [...model.probabilities];
    },
    scores,
  };
}
