// A model in a page of its own, off line: pictures, the camera, a drawing; and what it says of them.

import { h } from "hubel/view/dom";
import { card } from "hubel/view/ways/answer";
import { makeWays } from "hubel/view/ways/ways";
import { objectsOf } from "hubel/export/boxes";
import { maskOf, overlaid, sharesOf } from "hubel/export/masks";
import { makeRunner } from "hubel/export/runner";

const TOP = 5;
const MOST_PIXELS = 16e6;
const place = document.getElementById("page");
const shown = h("div", { class: "answers", "aria-live": "polite" });

/** The pixels of a picture's file, turned as its EXIF says. */
async function pixelsOf(content) {
  const image = await createImageBitmap(content, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const shrink = Math.min(1, Math.sqrt(MOST_PIXELS / (image.width * image.height)));
  const canvas = h("canvas", {
    width: Math.max(1, Math.round(image.width * shrink)),
    height: Math.max(1, Math.round(image.height * shrink)),
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function told(classes, shares) {
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, TOP);
  const top = order.map((index) => ({ class: classes[index] ?? String(index), probability: shares[index] }));
  return { ...top[0], top };
}

/** What the picture shows where: each class's share of it, and the picture under their colours. */
function drawn({ classes, preprocessing, places }, pixels, scores) {
  const mask = maskOf(scores, preprocessing, pixels);
  const overlay = h("canvas", { width: pixels.width, height: pixels.height, role: "img", "aria-label": "what the model drew" });
  overlay.getContext("2d").putImageData(overlaid(pixels, mask, places), 0, 0);
  return { classes: sharesOf(mask, classes), pictures: { overlay } };
}

async function begin() {
  const runner = await makeRunner();
  const { classes, preprocessing, places, boxes } = runner.packed;
  async function answered(pixels) {
    if (boxes) {
      const objects = objectsOf(await runner.boxes(pixels), classes, preprocessing, pixels);
      return { objects, threshold: boxes.threshold };
    }
    if (places) return drawn(runner.packed, pixels, await runner.scores(pixels));
    return told(classes, await runner.shares(pixels));
  }
  async function look(content, name) {
    try {
      return await card(content, await answered(await pixelsOf(content)), name, classes);
    } catch (error) {
      return card(content, { error: `${name} cannot be looked at: ${error.message}` }, name);
    }
  }
  place.append(...makeWays(preprocessing, look, shown), shown);
  document.documentElement.dataset.ready = "yes";
}

begin().catch((error) => place.append(h("p", { class: "refused" }, `The model cannot run here: ${error.message}`)));
