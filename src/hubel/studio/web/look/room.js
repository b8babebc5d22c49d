// The look room: a run's model at work in the page, as in its report: draw, drop, and follow any number through it.

import { count, drawn, h, percent } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";
import { address, addressed } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { Usable } from "hubel/studio/usable";

/** The room's row in the registry. */
export const look = { name: "look", title: "Look", server: true, open: (place) => new Look(place) };

class Look {
  constructor(place) {
    this.usable = new Usable(place);
    this.choose = h("select", { "aria-label": "a run" });
    this.choose.addEventListener("change", () => this.open(this.choose.value));
    this.told = h("p", { class: "note", role: "status" });
    this.wrong = h("div", { class: "wrong-ones" });
    this.model = h("div", { class: "looked" });
    place.append(h("h1", { class: "hidden" }, "Look inside a model"), h("p", { class: "bar" }, h("label", {}, "run ", this.choose)), this.usable.element, this.told, this.wrong, this.model);
  }

  /** Called when the room comes into sight, or the address names another run. */
  async shown(values) {
    const { folder, runs } = await ask("runs");
    const names = runs.filter(({ state }) => state !== "starting" && state !== "unreadable").map(({ name }) => name);
    const wanted = (values.run ?? "").split(" ")[0];
    this.usable.begin({ run: wanted });
    const name = names.length ? this.usable.oneOf("run", names, names[0], `${names[0]} is opened`) : undefined;
    this.choose.replaceChildren(...names.map((each) => h("option", { selected: each === name }, each)));
    if (name) this.open(name);
    else this.told.replaceChildren(`There is no run in ${folder} yet: `, h("a", { href: "#room=train" }, "train one"), ", and look inside while it learns.");
  }

  async open(name) {
    if (name === this.name) return;
    this.name = name;
    address({ run: name });
    this.model.replaceChildren();
    this.wrong.replaceChildren();
    this.told.textContent = `Opening ${name} …`;
    const found = await ask("model", { name });
    if (this.name !== name) return;
    this.told.textContent = found.error ?? (found.reason ? `It does not run in the page: ${found.reason}. hubel report and hubel look show it.` : "");
    if (!found.packed) return;
    const strip = h("div", { class: "strip", role: "navigation", "aria-label": "layers, from left to right" }, h("div", { class: "scroll" }, themed(drawn(found.strip))));
    this.live = mount(this.model, found.packed, { strip: { element: strip, paths: found.paths } });
    this.wrong.replaceChildren(h("button", { type: "button", onclick: () => this.mistakes(name) }, "what it takes for something else"));
  }

  /** Show the surest mistakes of a run, each of which opens in the model. */
  async mistakes(name) {
    this.wrong.replaceChildren(h("p", { class: "note", role: "status" }, "It is asked about the images that it is measured on …"));
    const found = await ask("mistakes", { name });
    if (this.name !== name) return;
    const note = (words) => h("p", { class: "note", role: "status" }, words);
    if (found.error || found.reason) return this.wrong.replaceChildren(note(found.error ?? `There are none to see: ${found.reason}.`));
    const of = found.asked < found.images ? `${count(found.asked)} of the ${count(found.images)} ${found.part} images, evenly` : `the ${count(found.images)} ${found.part} images`;
    const shown = found.mistakes.length < found.wrong ? `the ${found.mistakes.length} surest are shown` : "the surest first";
    this.wrong.replaceChildren(note(found.wrong ? `Of ${of}, it takes ${count(found.wrong)} for something else; ${shown}. Press one to follow it through the layers.` : `Of ${of}, it takes none for something else.`),
      h("div", { class: "mistakes" }, found.mistakes.map((each) => {
        const image = h("img", { src: each.picture, alt: "" });
        const words = `${each.is}, taken for ${each.said} (${percent(each.share, 1)})`;
        const act = () => image.decode().then(() => this.live.look(image, words));
        return h("button", { type: "button", onclick: act }, image, h("span", {}, words));
      })));
  }
}

function themed(svg) {
  svg.classList.replace("hubel-auto", `hubel-${document.documentElement.dataset.theme}`);
  return svg;
}
