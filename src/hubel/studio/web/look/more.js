// Everything that `hubel look` shows, of a run in the studio: what mattered, filters, how it came to be, and the rest.

import { h } from "hubel/view/dom";
import { bitmapOf } from "hubel/view/picture";
import { inWords } from "hubel/view/ways/answer";
import { ask } from "hubel/studio/asking";

const [SAYS, MAKES] = ["what it says", "what it makes"];
const LOOKS = [
  ["predict", SAYS],
  ["cam", "what mattered: places that speak for a class (Grad-CAM)"],
  ["saliency", "what mattered: how steeply each pixel changes the score"],
  ["integrated-gradients", "what mattered: what each pixel adds to the score"],
  ["occlusion", "what mattered: what is lost when a square is covered"],
  ["maps", "what every layer makes of the image"],
  ["unit", "one number, from the pixels on"],
  ["filters", "a layer's filters, and what excites them"],
  ["changes", "how filters and figures came to be"],
  ["mistakes", "what it takes for what, and how sure it was"],
  ["space", "the images as points, alike ones near each other"],
  ["dream", "an image changed until a layer sees more in it"],
  ["style", "an image in the style of another"],
];
const OF_IMAGES = ["cam", "saliency", "integrated-gradients", "occlusion", "maps", "unit", "dream", "style"];
const OF_LAYERS = ["cam", "maps", "unit", "filters", "changes", "space", "dream"];
const AGAIN = 1000; // ms between looks at how many come before
const SMALL = 160; // pixels of a picture that is shown larger
const LONGEST = 1024; // pixels of a picture that is sent

/** A picture that was made; a small one as large as can be seen. */
function picture(src, alt) {
  const image = h("img", { src, alt });
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < SMALL));
  return image;
}

/** The folded part; picture(): the pixels that are looked at, null where there are none. */
export class More {
  constructor(picture) {
    this.picture = picture;
    this.choose = h("select", { "aria-label": "what to see" }, LOOKS.map(([value, words]) => h("option", { value }, words)));
    this.layer = h("select", { "aria-label": "layer" });
    this.choose.addEventListener("change", () => this.fitting());
    this.file = h("input", { type: "file", accept: "image/*", "aria-label": "an image file to look at" });
    this.manner = h("input", { type: "file", accept: "image/*", "aria-label": "the image whose style is taken" });
    this.manners = h("p", { class: "note", hidden: true }, "in the style of ", this.manner);
    this.button = h("button", { type: "button", onclick: () => this.show() }, "show");
    this.stopping = h("button", { type: "button", hidden: true, onclick: () => { this.stop("It was stopped."); this.button.focus(); } }, "stop");
    this.told = h("p", { class: "note", role: "status" });
    this.made = h("div", { class: "made", tabindex: 0, role: "group", "aria-label": "what came of it" });
    this.samples = h("div", { class: "samples" });
    this.element = h("details", { class: "more" }, h("summary", {}, "everything of hubel look: what it says, what mattered, filters, and the rest"),
      h("div", { class: "bar" }, this.choose, this.layer, this.button, this.stopping), this.given = h("p", { class: "note" }, this.above = h("span"), this.file), this.samples, this.manners, this.told, this.made);
  }

  /** Of another run, whose layers have these paths; samples: images to choose from where none is looked at above; sees:
   * whether it sees images at all. */
  of(name, paths = [], samples = null, sees = true) {
    this.stop("");
    this.name = name;
    this.sample = null;
    this.file.value = "";
    this.above.textContent = samples ? "of " : "of the image above, or of ";
    this.given.hidden = !sees;
    for (const option of this.choose.options) option.hidden = option.disabled = !sees && OF_IMAGES.includes(option.value);
    this.choose.options[0].textContent = sees ? SAYS : MAKES;
    if (this.choose.selectedOptions[0].disabled) this.choose.selectedIndex = 0;
    this.samples.replaceChildren();
    if (samples?.length) this.offer(samples);
    if (samples) this.element.open = true;
    this.layer.replaceChildren(h("option", { value: "" }, "the layer that hubel picks"), ...paths.map((path) => h("option", {}, path)));
    this.told.replaceChildren();
    this.made.replaceChildren();
    this.element.hidden = !name;
    this.fitting();
  }

  /** Offer images to choose from, which may come later than the model. */
  offer(samples) {
    this.above.textContent = "of one of these images, or of ";
    this.samples.replaceChildren(...samples.map((each) =>
      h("button", { type: "button", "aria-pressed": "false", "aria-label": each.name, onclick: (event) => this.take(each, event.currentTarget) }, h("img", { src: each.picture, alt: "" }))));
  }

  /** Look at a sample, at once. */
  take(sample, button) {
    for (const each of this.samples.children) each.setAttribute("aria-pressed", String(each === button));
    this.sample = button.firstChild;
    this.file.value = "";
    this.show();
  }

  fitting() {
    this.manners.hidden = this.choose.value !== "style";
    this.layer.hidden = !OF_LAYERS.includes(this.choose.value) || this.layer.options.length < 2;
  }

  /** Wait no more for what was asked, which the server then ends too. */
  stop(words) {
    this.asked?.abort();
    this.asked = null;
    this.button.disabled = false;
    this.stopping.hidden = true;
    this.told.textContent = words;
  }

  /** Say how many come before what is asked, as long as it is waited for. */
  async follow(own, ticket) {
    while (this.asked === own) {
      const { before } = await ask("looking", { ticket }, own.signal);
      if (this.asked !== own) return;
      this.told.textContent = before ? `It comes after ${before === 1 ? "another" : `${before} others`} that this studio is asked for …` : "It is at it, which takes some seconds …";
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }

  async show() {
    this.stop("It is at it, which takes some seconds …");
    const own = (this.asked = new AbortController());
    const { name } = this;
    const ticket = `${performance.timeOrigin + performance.now()} ${Math.random()}`;
    const [look, words] = [this.choose.value, this.choose.selectedOptions[0].textContent];
    this.button.disabled = true;
    this.stopping.hidden = false;
    try {
      const values = { name, look, layer: this.layer.hidden ? "" : this.layer.value, picture: await this.image(), style: look === "style" ? await this.image(this.manner) : "", ticket };
      if (this.asked !== own) return;
      this.follow(own, ticket).catch(() => {}); // the answer says what is wrong
      const found = await ask("looked", values, own.signal);
      if (this.asked !== own) return;
      this.stop("");
      this.told.textContent = found.error ?? found.said ?? "";
      const made = (found.made ?? []).map(([what, file]) => h("figure", {},
        file.startsWith("data:audio") ? h("audio", { controls: true, src: file }) : picture(file, what || words), what ? h("figcaption", {}, what) : ""));
      this.made.replaceChildren(...(found.answer ? [h("div", { class: "answer" }, inWords({ ...found.answer, note: found.answer.engine }))] : []), ...made);
    } catch (error) {
      if (this.asked === own) this.stop(error.message);
    }
  }

  /** The image that is looked at, or that a field holds, as a file in base64; empty for none. */
  async image(field = this.file) {
    const [file] = field.files;
    const own = file ?? (field === this.file ? this.sample : null);
    const source = own ? await bitmapOf(own).catch(() => null) : field === this.file ? this.picture() : null;
    if (file && !source) throw Error(`${file.name}: expected a picture that this browser can read`);
    if (!source) return "";
    const whole = h("canvas", { width: source.width, height: source.height });
    if (!(source instanceof ImageData)) whole.getContext("2d").drawImage(source, 0, 0);
    else whole.getContext("2d").putImageData(source, 0, 0);
    const scale = Math.min(1, LONGEST / Math.max(source.width, source.height));
    const small = h("canvas", { width: Math.round(source.width * scale), height: Math.round(source.height * scale) });
    small.getContext("2d").drawImage(whole, 0, 0, small.width, small.height);
    return (scale < 1 ? small.toDataURL("image/jpeg", 0.95) : whole.toDataURL("image/png")).split(",")[1];
  }
}
