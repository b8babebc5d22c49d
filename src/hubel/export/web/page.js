// A model in a page of its own, off line: pictures, the camera, a drawing, or sounds; and what it says of them.

import { h, held, percent } from "hubel/view/dom";
import { bitmapOf } from "hubel/view/picture";
import { card } from "hubel/view/ways/answer";
import { makeWays } from "hubel/view/ways/ways";
import { boxesOf, objectsOf } from "hubel/export/boxes";
import { coloured, colourfulness } from "hubel/export/colours";
import { maskOf, overlaid, sharesOf } from "hubel/export/masks";
import { individualsOf } from "hubel/export/points";
import { makeRunner } from "hubel/export/runner";
import { soundSeen } from "hubel/view/sound/seen";
import { heardAs } from "hubel/view/sound/shown";

const TOP = 5;
const MOST_PIXELS = 16e6;
const UNREAD = "it is no picture of a format that this browser reads (JPEG, PNG, WEBP, GIF and BMP it does), or it is damaged";
const place = document.getElementById("page");
const shown = h("div", { class: "answers", "aria-live": "polite" });

/** The pixels of a picture's file, turned as its EXIF says. */
async function pixelsOf(content) {
  const image = await bitmapOf(content, { premultiplyAlpha: "none", colorSpaceConversion: "none" }).catch(() => {
    throw new Error(UNREAD);
  });
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

/** What a number a class says: the likeliest classes, the labels that a picture has, or the numbers by their names. */
function told({ classes, listed }, shares) {
  if (listed && !listed.enough) {
    return { numbers: Object.fromEntries(classes.map((name, i) => [name, Number(shares[i].toPrecision(5))])) };
  }
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, TOP);
  const top = order.map((index) => ({ class: classes[index] ?? String(index), probability: shares[index] }));
  if (!listed) return { ...top[0], top };
  const labels = [...shares.keys()].filter((index) => shares[index] >= listed.enough).sort((a, b) => shares[b] - shares[a]);
  return { labels: labels.map((index) => classes[index]), top };
}

/** That so much of a picture is cut away, from where `hubel predict` says it. */
function cutWords({ fit, frame, height, width }, pixels) {
  const ratio = pixels.width / pixels.height / (width / height);
  const share = fit === "crop" && !frame ? 1 - Math.min(ratio, 1 / ratio) : 0;
  return share > held("cut") ? `${percent(share, 0)} of it is cut away: its form is not that of the training's pictures` : "";
}

/** A canvas of pixels. */
function canvasOf(pixels, label) {
  const found = h("canvas", { width: pixels.width, height: pixels.height, role: "img", "aria-label": label });
  found.getContext("2d").putImageData(pixels, 0, 0);
  return found;
}

/** What the model says of pixels, by what its scores mean. */
async function answered({ packed, shares, scores }, pixels) {
  const { classes, preprocessing, places, boxes, points, squares } = packed;
  if (boxes) {
    const found = boxesOf(await scores(pixels), boxes);
    return { objects: objectsOf(found, classes, preprocessing, pixels), threshold: boxes.threshold };
  }
  if (points) {
    const individuals = individualsOf(await scores(pixels), points, preprocessing, pixels);
    return { individuals, joined: points.joined, threshold: points.threshold };
  }
  if (squares) {
    const made = coloured(await scores(pixels), squares, pixels);
    return { colourfulness: colourfulness(made).toFixed(1), pictures: { coloured: canvasOf(made, "the picture in colour") } };
  }
  if (places) {
    const mask = maskOf(await scores(pixels), preprocessing, pixels);
    const overlay = canvasOf(overlaid(pixels, mask, places), "what the model drew");
    return { classes: sharesOf(mask, classes), pictures: { overlay } };
  }
  return told(packed, await shares(pixels));
}

/** What the model says of a sound's file, with a figure of what it saw. */
async function heard({ packed, shares }, content) {
  const seen = soundSeen(new Uint8Array(await content.arrayBuffer()), packed.preprocessing);
  return { ...told(packed, await shares(seen)), note: seen.notes.join("; "), heard: heardAs(seen, packed.preprocessing) };
}

async function begin() {
  const runner = await makeRunner();
  const { classes, places, preprocessing } = runner.packed;
  const hears = preprocessing.fit === "time";
  async function look(content, name) {
    try {
      if (hears) return await card(content, await heard(runner, content), name, classes);
      const pixels = await pixelsOf(content);
      return await card(content, { ...(await answered(runner, pixels)), note: cutWords(preprocessing, pixels) }, name, classes, places);
    } catch (error) {
      return card(content, { error: hears ? `${name} ${error.message}` : `${name} cannot be looked at: ${error.message}` }, name);
    }
  }
  place.append(...makeWays(preprocessing, look, shown), shown);
  document.documentElement.dataset.ready = "yes";
}

begin().catch((error) => place.append(h("p", { class: "refused" }, `The model cannot run here: ${error.message}`)));
