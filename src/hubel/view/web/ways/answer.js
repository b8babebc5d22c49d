// What a model says of a picture, drawn: the picture, or what it drew on it; and bars.

import { h, percent } from "hubel/view/dom";

const SIDE = 360; // pixels of a thumbnail's longer side, of a screen with two a point

/** A card for a picture (a Blob) and a prediction of it; an overlay is an address, or a canvas. */
export async function card(content, prediction, name) {
  const drawn = prediction.pictures?.overlay;
  const picture = typeof drawn === "string" ? h("img", { src: drawn, alt: "what the model drew" }) : (drawn ?? (await thumbnail(content)));
  const said = prediction.error
    ? h("p", { class: "refused" }, prediction.error)
    : h("div", {}, headline(prediction), bars(rows(prediction)), h("p", { class: "note" }, name));
  return h("figure", { class: drawn ? "answer drawn" : "answer" }, picture, said);
}

function rows(prediction) {
  return (prediction.top ?? prediction.classes ?? []).map((each) => [each.class, each.probability ?? each.share]);
}

function headline(prediction) {
  const [first] = rows(prediction);
  return h("p", { class: "said" }, prediction.class ?? first?.[0] ?? "nothing");
}

function bars(all) {
  return h(
    "div",
    { class: "bars" },
    all.slice(0, 8).map(([name, share]) => {
      const fill = h("span", { class: "fill" });
      fill.style.width = percent(share, 1);
      return h(
        "span",
        { class: "probability" },
        h("span", { class: "name", title: name }, name),
        h("span", { class: "track" }, fill),
        h("span", { class: "share" }, percent(share, 1)),
      );
    }),
  );
}

async function thumbnail(content) {
  const canvas = h("canvas", { width: 1, height: 1, role: "img", "aria-label": "the picture" });
  try {
    const image = await createImageBitmap(content);
    const scale = SIDE / Math.max(image.width, image.height);
    canvas.width = Math.max(1, Math.round(image.width * scale));
    canvas.height = Math.max(1, Math.round(image.height * scale));
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    image.close();
    return canvas;
  } catch {
    return h("span", { class: "no-picture" }, "no preview");
  }
}
