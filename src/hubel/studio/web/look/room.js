// The look room: a run's model at work in the page, as in its report: draw, drop, and follow any number through it.

import { drawn, h } from "hubel/view/dom";
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
    this.model = h("div", { class: "looked" });
    place.append(h("h1", { class: "hidden" }, "Look inside a model"), h("p", { class: "bar" }, h("label", {}, "run ", this.choose)), this.usable.element, this.told, this.model);
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
    this.told.textContent = `Opening ${name} …`;
    const found = await ask("model", { name });
    if (this.name !== name) return;
    this.told.textContent = found.error ?? (found.reason ? `It does not run in the page: ${found.reason}. hubel report and hubel look show it.` : "");
    if (!found.packed) return;
    const strip = h("div", { class: "strip", role: "navigation", "aria-label": "layers, from left to right" }, h("div", { class: "scroll" }, themed(drawn(found.strip))));
    mount(this.model, found.packed, { strip: { element: strip, paths: found.paths } });
  }
}

function themed(svg) {
  svg.classList.replace("hubel-auto", `hubel-${document.documentElement.dataset.theme}`);
  return svg;
}
