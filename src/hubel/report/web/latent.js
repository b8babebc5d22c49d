// A network that makes pictures, run in the page: sliders move the vector that it makes one of.
import { h, held } from "hubel/view/dom";
import { load } from "hubel/view/engine/model";

const FAR = 3; // of a normal distribution, to either side
const { packed, vectors, order } = held("latent-data");
const model = load(packed);
const { mean, std } = packed.preprocessing;
const [rows, columns, channels] = model.result.shape;
const canvas = h("canvas", { width: columns, height: rows, role: "img", class: "made", "aria-label": "the picture" });
const context = canvas.getContext("2d");
let chosen = 0;
let vector = Float32Array.from(vectors[0]);
let waiting = false;

function draw() {
  waiting = false;
  model.run(vector);
  const image = context.createImageData(columns, rows);
  for (let place = 0; place < rows * columns; place++) {
    for (let k = 0; k < 3; k++) {
      const channel = channels === 1 ? 0 : k;
      image.data[4 * place + k] = (model.result.data[place * channels + channel] * std[channel] + mean[channel]) * 255;
    }
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

function later() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

const written = (value) => value.toFixed(2).replace("-", "−");

const sliders = order.map((number) => {
  const told = h("output", {});
  const range = { type: "range", min: -FAR, max: FAR, step: 0.05, "aria-label": `number ${number} of the vector` };
  const slider = h("input", range);
  slider.addEventListener("input", () => {
    vector[number] = Number(slider.value);
    told.textContent = written(vector[number]);
    later();
  });
  const set = () => {
    slider.value = vector[number];
    told.textContent = written(vector[number]);
  };
  return { set, element: h("label", {}, h("span", {}, String(number)), slider, told) };
});

function take(values) {
  vector = Float32Array.from(values);
  for (const { set } of sliders) set();
  later();
}

// two uniform numbers make a normal one (Box, Muller 1958)
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const buttons = [
  ["The next of those below", () => take(vectors[(chosen = (chosen + 1) % vectors.length)])],
  ["Another, drawn now", () => take(vectors[0].map(normal))],
  ["As it was", () => take(vectors[chosen])],
].map(([words, act]) => {
  const button = h("button", { type: "button" }, words);
  button.addEventListener("click", act);
  return button;
});
document
  .getElementById("latent-model")
  .replaceChildren(canvas, h("div", { class: "sliders" }, sliders.map(({ element }) => element), h("p", {}, buttons)));
take(vectors[0]);
