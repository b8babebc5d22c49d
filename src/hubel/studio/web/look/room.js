// The look room: a run's model at work in the page, as in its report; or what Learn has learnt in the page itself.

import { h, held } from "hubel/view/dom";
import { address } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { LEARNT, learnt } from "hubel/studio/learn/learnt";
import { Inside } from "hubel/studio/look/inside";
import { Usable } from "hubel/studio/usable";

/** The room's row in the registry. */
export const look = { name: "look", title: "Look", server: false, open: (place) => new Look(place) };

class Look {
  constructor(place) {
    this.place = place;
    this.usable = new Usable(place);
    this.choose = h("select", { "aria-label": "a run" });
    this.choose.addEventListener("change", () => this.open(this.choose.value));
    this.none = h("p", { class: "note", role: "status" });
    this.inside = new Inside();
    place.append(h("h1", { class: "hidden" }, "Look inside a model"), this.of = h("p", { class: "bar" }, h("label", {}, "run ", this.choose)), this.usable.element, this.none, this.inside.element);
  }

  /** Called when the room comes into sight, or the address names another run. */
  async shown(values) {
    const asked = (this.asked = {});
    if (!this.choose.options.length) {
      this.of.hidden = true;
      this.none.textContent = "Looking for runs …";
    }
    const { folder, runs } = held("host").server ? await ask("runs") : { runs: [] };
    if (this.asked !== asked || this.place.hidden) return; // it was asked anew, or left
    const names = runs.filter(({ state }) => !["starting", "refused", "unreadable"].includes(state)).map(({ name }) => name);
    if (learnt.own) names.push(LEARNT);
    const wanted = (values.run ?? "").split(" ")[0];
    this.usable.begin({ run: wanted });
    const name = names.length ? this.usable.oneOf("run", names, names[0], `${names[0]} is opened`) : undefined;
    this.choose.replaceChildren(...names.map((each) => h("option", { value: each, selected: each === name }, each === LEARNT ? `what Learn has learnt here: ${learnt.own.about.name ?? learnt.own.about.text}` : each)));
    this.of.hidden = !names.length;
    this.none.replaceChildren();
    if (name) this.open(name);
    else if (!folder) this.none.replaceChildren("Nothing has been learnt in this page yet: ", h("a", { href: "#room=learn" }, "teach a network digits"), ", and look inside it here, also while it learns.");
    else this.none.replaceChildren(`There is no run in ${folder} yet: `, h("a", { href: "#room=train" }, "train one"), ", and look inside while it learns.");
  }

  open(name) {
    if (name !== this.inside.name) address({ run: name });
    return name === LEARNT ? this.inside.openLearnt(learnt.own) : this.inside.open(name);
  }
}
