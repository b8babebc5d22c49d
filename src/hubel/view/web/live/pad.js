// What the model looks at: a pad to draw on with mouse, finger or keys, a picture of one's own, or a sample.

import { h } from "hubel/view/dom";
import { bitmapOf } from "hubel/view/picture";

const SIDE = 280;
const MOST_PIXELS = 16e6;

/** The pad, its tools and samples. `tell()` is called whenever `pixels()` gives something else. A page that takes
 * pictures elsewhere wants none on the pad: `opens` is false. */
export function makePad(packed, samples, tell, opens = true) {
  const rules = packed.preprocessing;
  const tall = Math.round((SIDE * rules.height) / Math.max(rules.height, rules.width));
  const wide = Math.round((SIDE * rules.width) / Math.max(rules.height, rules.width));
  const isInk = Boolean(rules.ink);
  // drawings are prepared from a picture of four times the input's size; photographs are painted on as they are
  const factor = isInk ? Math.max(1, Math.min(4, Math.floor(224 / Math.max(rules.height, rules.width)))) : 1;
  const shown = h("canvas", { width: 2 * wide, height: 2 * tall, "aria-hidden": "true" });
  const cursor = h("i", { class: "pen", hidden: true });
  const surface = h(
    "div",
    {
      class: "pad",
      tabindex: "0",
      role: "application",
      "aria-label": "drawing pad. Arrow keys move the pen, space puts it down and lifts it, Delete clears",
    },
    shown,
    cursor,
  );
  surface.style.aspectRatio = `${wide} / ${tall}`;
  surface.style.maxWidth = `${wide}px`;
  const small = document.createElement("canvas");
  small.width = rules.width * factor;
  small.height = rules.height * factor;
  const pen = { width: 0.075, colour: rules.ink === "dark" ? "#000000" : "#ffffff" };
  const ground = rules.ink === "dark" ? "#ffffff" : rules.ink === "light" ? "#000000" : "#808080";
  const contexts = [shown.getContext("2d"), small.getContext("2d", { willReadFrequently: true })];
  let given = null; // pixels of a picture that nobody has drawn on yet
  const place = { x: 0.5, y: 0.5, down: false };

  function clear() {
    given = null;
    for (const context of contexts) {
      context.fillStyle = ground;
      context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    }
  }

  function changed(what, why) {
    if (what !== "refused") surface.dataset.holds = what;
    tell(what, why);
  }

  /** A line from one place to another, in shares of the pad. */
  function line(from, to) {
    given = null;
    for (const context of contexts) {
      const { width, height } = context.canvas;
      context.lineCap = context.lineJoin = "round";
      context.lineWidth = pen.width * Math.max(width, height);
      context.strokeStyle = pen.colour;
      context.beginPath();
      context.moveTo(from.x * width, from.y * height);
      context.lineTo(to.x * width + 0.01, to.y * height);
      context.stroke();
    }
    changed("drawing");
  }

  /** Show a picture that can be drawn (an image, a bitmap). */
  function show(image) {
    const [width, height] = [image.naturalWidth || image.width, image.naturalHeight || image.height];
    const shrink = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
    const whole = document.createElement("canvas");
    whole.width = Math.max(1, Math.round(width * shrink));
    whole.height = Math.max(1, Math.round(height * shrink));
    const context = whole.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0, whole.width, whole.height);
    clear();
    given = context.getImageData(0, 0, whole.width, whole.height);
    for (const target of contexts) fit(target, whole);
    changed("picture");
  }

  // as the model's own preparation places it: cropped, padded or stretched
  function fit(context, image) {
    const { width, height } = context.canvas;
    const scales = [width / image.width, height / image.height];
    const scale = rules.fit === "crop" ? Math.max(...scales) : Math.min(...scales);
    const [w, h] = rules.fit === "stretch" ? [width, height] : [image.width * scale, image.height * scale];
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
  }

  function point(event) {
    const box = shown.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  let last = null;
  surface.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    cursor.hidden = true;
    last = point(event);
    line(last, last);
  });
  surface.addEventListener("pointermove", (event) => {
    if (!last) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) {
      const next = point(one);
      line(last, next);
      last = next;
    }
  });
  for (const name of ["pointerup", "pointercancel"]) surface.addEventListener(name, () => (last = null));
  surface.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    if (event.key === "Delete" || event.key === "Backspace") wipe();
    else if (event.key === " ") {
      place.down = !place.down;
      if (place.down) line(place, place);
    } else if (moves[event.key]) {
      const step = event.shiftKey ? 0.1 : 0.03;
      const next = { x: within(place.x + step * moves[event.key][0]), y: within(place.y + step * moves[event.key][1]) };
      if (place.down) line(place, next);
      Object.assign(place, next);
    } else return;
    event.preventDefault();
    cursor.hidden = false;
    cursor.classList.toggle("down", place.down);
    cursor.style.left = `${100 * place.x}%`;
    cursor.style.top = `${100 * place.y}%`;
  });
  surface.addEventListener("blur", () => (cursor.hidden = true));

  function wipe() {
    clear();
    changed("clear");
  }

  async function open(file) {
    if (!file || (file.type && !file.type.startsWith("image/"))) {
      changed("refused", file ? `${file.name || "this"} is not an image` : "there is no image in it");
      return;
    }
    try {
      show(await bitmapOf(file));
    } catch ({ message }) {
      changed("refused", `${file.name || "the image"} cannot be read: ${message}`);
    }
  }

  const chooser = h("input", {
    type: "file",
    accept: "image/*,.ppm,.pgm,.pbm,.pnm",
    class: "hidden",
    tabindex: "-1",
    "aria-label": "image file",
  });
  chooser.addEventListener("change", () => {
    if (chooser.files.length) open(chooser.files[0]);
    chooser.value = "";
  });
  const width = h("input", {
    type: "range",
    min: "2",
    max: "16",
    value: "7.5",
    step: "0.5",
    "aria-label": "pen width",
  });
  width.addEventListener("input", () => (pen.width = Number(width.value) / 100));
  const colour = h("input", { type: "color", value: "#d14b2a", "aria-label": "pen colour" });
  colour.addEventListener("input", () => (pen.colour = colour.value));
  if (!isInk) pen.colour = colour.value;
  const tools = h(
    "div",
    { class: "tools" },
    h("button", { type: "button", onclick: wipe }, "Clear"),
    opens ? h("button", { type: "button", onclick: () => chooser.click() }, "Image…") : null,
    h("label", { class: "width" }, "pen", width),
    isInk ? null : h("label", {}, "colour", colour),
    opens ? chooser : null,
  );
  const strip = h("div", { class: "samples", role: "group", "aria-label": "sample images" });
  function offer(some) {
    for (const sample of some) strip.append(sampleButton(sample, show));
  }
  const first = () => strip.firstChild?.click();
  offer(samples);
  clear();
  return {
    element: h("div", { class: "pad-holder" }, surface, tools, strip),
    surface,
    open,
    show,
    line,
    clear: wipe,
    first,
    /** Offer samples that come later; the first is shown where there is nothing on the pad yet. */
    later(some) {
      offer(some);
      if (!surface.dataset.holds) first();
    },
    /** What is on the pad: a picture's own pixels until somebody draws on it. */
    pixels: () => given || contexts[1].getImageData(0, 0, small.width, small.height),
  };
}

/** A button with a sample's picture, which is shown where it is pressed. */
export function sampleButton(sample, show) {
  const image = h("img", { src: sample.picture, alt: "" });
  const name = sample.label ? `${sample.label}: ${sample.name}` : sample.name;
  const button = h("button", { type: "button", title: name, "aria-label": `sample ${name}` }, image);
  button.addEventListener("click", () => image.decode().then(() => show(image)));
  return button;
}

const within = (share) => Math.min(1, Math.max(0, share));
