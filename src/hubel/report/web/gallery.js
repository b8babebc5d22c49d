// Images by class, right and wrong.
import { h } from "hubel/view/dom";

const FILTERS = { "all": () => true, "right": (image) => image.right, "wrong": (image) => !image.right };

export function gallery(place, set) {
  const chosen = { name: "every", filter: "all" };
  const shown = h("div", { role: "region", "aria-label": set.many });
  const told = h("p", { role: "status" });

  function draw() {
    const list = set.all.filter((image) =>
      (chosen.name === "every" || image.label === Number(chosen.name)) && FILTERS[chosen.filter](image));
    const ordered = chosen.name === "every" && chosen.filter !== "wrong" ? byTurns(list, set.classes.length) : list;
    told.textContent = `${set.counted(list.length)} in this page` + (list.length ? ", green right, orange wrong." : ".");
    shown.replaceChildren(set.cards(ordered));
  }

  const select = h("select", { onchange: () => { chosen.name = select.value; draw(); } },
    h("option", { value: "every" }, "every class"),
    set.classes.map((name, number) => h("option", { value: number }, name)));
  const choice = h("fieldset", { class: "choice" }, h("legend", {}, "Answers"), Object.keys(FILTERS).map((name) =>
    h("label", {}, h("input", { type: "radio", name: "gallery-filter", value: name, checked: name === chosen.filter,
      onchange: () => { chosen.filter = name; draw(); } }), ` ${name}`)));
  place.append(h("div", { class: "controls" }, h("label", {}, "Class ", select), choice), told, shown);
  draw();
}

/** One image of each class, then the next of each, and so on. */
function byTurns(list, classes) {
  const seen = new Array(classes).fill(0);
  return list.map((image) => [seen[image.label]++, image.label, image])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , image]) => image);
}
