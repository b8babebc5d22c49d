// What a model says of a picture, drawn: the picture, or what it drew on it; and bars.

import { h, held, percent } from "hubel/view/dom";
import { bitmapOf } from "hubel/view/picture";
import { boxed, counted } from "hubel/view/ways/boxes";
import { posed } from "hubel/view/ways/skeletons";

const SIDE = 360; // pixels of a thumbnail's longer side, of a screen with two a point
const SHOWN = 8; // bars of an answer
const LONG = 12; // letters of a name, above which its bar stands below it
const FACTS = ["image", "note", "engine", "height", "width", "threshold", "pictures", "heard"]; // of an answer, which are no answers

/** A card for a picture or a sound (a Blob) and a prediction of it, by a model of these classes; what it drew is an address,
 * or a canvas, in these colours of classes (red, green, blue) where it has some; `heard` is a figure of what it saw of a
 * sound. */
export async function card(content, prediction, name, classes = [], colours = []) {
  const drawn = await drawnOf(content, prediction, classes);
  const said = prediction.error ? h("p", { class: "refused" }, prediction.error) : h("div", {}, inWords(prediction, name, swatches(prediction, classes, colours)));
  const isSound = prediction.heard || content.type.startsWith("audio/");
  const shown = isSound ? [prediction.heard, player(content)] : [drawn ?? (await thumbnail(content))];
  return h("figure", { class: drawn || isSound ? "answer drawn" : "answer" }, shown, said);
}

/** A prediction in words and bars; name: of the picture; swatch: from a class to the colour in which it is drawn. */
export function inWords(prediction, name = "", swatch = () => undefined) {
  const all = rows(prediction);
  const listed = prediction.objects && all.length > SHOWN ? `the ${SHOWN} surest of ${all.length} are listed` : "";
  const notes = [name, listed, prediction.note].filter(Boolean).join(" · ");
  return [h("p", { class: "said" }, headline(prediction)), bars(all, swatch), h("p", { class: "note" }, notes)];
}

function swatches({ objects, classes: drawn }, classes, colours) {
  const all = objects ? held("colours") : drawn ? colours.map((colour) => `rgb(${colour.join(" ")})`) : [];
  return (name) => all[Math.max(0, classes.indexOf(name)) % all.length];
}

async function drawnOf(content, { objects, individuals, joined, pictures = {} }, classes) {
  if (objects) return withPicture(content, (picture) => boxed(picture, objects, classes));
  if (joined) return withPicture(content, (picture) => posed(picture, individuals, joined, classes));
  const drawn = pictures.overlay ?? Object.values(pictures).at(-1);
  return typeof drawn === "string" ? h("img", { src: drawn, alt: "what the model drew" }) : drawn;
}

function rows(prediction) {
  const sentences = prediction.others && [prediction, ...prediction.others];
  const all = prediction.top ?? prediction.classes ?? prediction.objects ?? prediction.individuals?.[0]?.points ?? sentences ?? [];
  return all.map((each) => [each.class ?? each.point ?? (each.caption || "no word"), each.probability ?? each.share]);
}

function headline(prediction) {
  const { labels, objects, individuals, numbers, threshold } = prediction;
  if (objects) return counted(objects) || `no object of at least ${percent(threshold, 0)}`;
  if (individuals) return told(individuals) || `no point of at least ${percent(threshold, 0)}`;
  if (labels) return labels.join(", ") || "no label";
  const [first] = rows(prediction);
  if (prediction.class ?? first) return prediction.class ?? first[0];
  const values = numbers ? Object.entries(numbers) : Object.entries(prediction).filter(([name]) => !FACTS.includes(name));
  const said = values.filter(([, value]) => typeof value !== "object");
  return said.map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).join(", ") || "nothing";
}

function told(individuals) {
  const number = individuals.reduce((sum, { points }) => sum + points.length, 0);
  const several = individuals.length > 1 ? `${individuals.length} individuals, ` : "";
  return number ? `${several}${number} point${number > 1 ? "s" : ""}` : "";
}

function bars(all, swatch) {
  const long = all.some(([name]) => name.length > LONG) ? "long" : "";
  return h(
    "div",
    { class: `bars ${long}` },
    all.slice(0, SHOWN).map(([name, share]) => {
      const fill = h("span", { class: "fill" });
      fill.style.width = percent(share, 1);
      const colour = swatch(name);
      const sample = colour && h("span", { class: "swatch" });
      if (sample) sample.style.background = colour;
      return h(
        "span",
        { class: "probability" },
        h("span", { class: "name", title: name }, sample, name),
        h("span", { class: "track" }, fill),
        h("span", { class: "share" }, percent(share, 1)),
      );
    }),
  );
}

const player = (content) => h("audio", { controls: true, preload: "metadata", src: URL.createObjectURL(content) });

function thumbnail(content) {
  return withPicture(content, (picture) => {
    const canvas = h("canvas", { role: "img", "aria-label": "the picture" });
    const scale = SIDE / Math.max(picture.width, picture.height);
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return canvas;
  });
}

/** What is drawn of a picture's file, or words that it cannot be shown. */
async function withPicture(content, draw) {
  try {
    const picture = await bitmapOf(content);
    const made = draw(picture);
    picture.close();
    return made;
  } catch {
    return h("span", { class: "no-picture" }, "no preview");
  }
}
