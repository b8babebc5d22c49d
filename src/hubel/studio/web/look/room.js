// The look room: a run's model at work in the page, as in its report.

import { h } from "hubel/view/dom";
import { address } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { Inside } from "hubel/studio/look/inside";
import { Usable } from "hubel/studio/usable";

/** The room's row in the registry. */
export const look = { name: "look", title: "Look", server: true, open: (place) => new Look(place) };

class Look {
  constructor(place) {
    this.usable = new Usable(place);
    this.choose = h("select", { "aria-label": "a run" });
    this.choose.addEventListener("change", () => this.open(this.choose.value));
    this.none = h("p", { class: "note", role: "status" });
    this.inside = new Inside();
    place.append(h("h1", { class: "hidden" }, "Look inside a model"), h("p", { class: "bar" }, h("label", {}, "run ", this.choose)), this.usable.element, this.none, this.inside.element);
  }

  /** Called when the room comes into sight, or the address names another run. */
  async shown(values) {
    const { folder, runs } = await ask("runs");
    const names = runs.filter(({ state }) => state !== "starting" && state !== "unreadable").map(({ name }) => name);
    const wanted = (values.run ?? "").split(" ")[0];
    this.usable.begin({ run: wanted });
    const name = names.length ? this.usable.oneOf("run", names, names[0], `${names[0]} is opened`) : undefined;
    this.choose.replaceChildren(...names.map((each) => h("option", { selected: each === name }, each)));
    this.none.replaceChildren();
    if (name) this.open(name);
    else this.none.replaceChildren(`There is no run in ${folder} yet: `, h("a", { href: "#room=train" }, "train one"), ", and look inside while it learns.");
  }

  open(name) {
    if (name !== this.inside.name) address({ run: name });
    return this.inside.open(name);
  }
}
