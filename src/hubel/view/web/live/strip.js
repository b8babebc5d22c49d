// The network as a strip above its layers: each box leads to the layer that it stands for, and shows which is in sight.

/** Make the boxes of a drawing choose layers. `paths`: of the rows that they name; `go(path)` leads to a layer. */
export class Strip {
  constructor(element, paths, isThere, go) {
    this.boxes = [...element.querySelectorAll(".layer[data-rows]")].map((box) => ({
      box,
      paths: box.dataset.rows.split(" ").map((row) => paths[Number(row)]).filter(isThere),
    }));
    this.element = element;
    for (const { box, paths: own } of this.boxes) {
      if (!own.length) continue;
      box.addEventListener("click", () => go(own[0]));
      box.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        go(own[0]);
      });
    }
  }

  /** Mark the box of a layer, and bring it into the strip's sight. */
  show(path) {
    const found = this.boxes.find(({ paths }) => paths.includes(path));
    if (!found || found.box === this.here) return;
    this.here?.classList.remove("chosen");
    this.here?.removeAttribute("aria-current");
    this.here = found.box;
    this.here.classList.add("chosen");
    this.here.setAttribute("aria-current", "true");
    const holder = this.element.querySelector(".scroll");
    const [inner, outer] = [this.here.getBoundingClientRect(), holder.getBoundingClientRect()];
    holder.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  }
}
