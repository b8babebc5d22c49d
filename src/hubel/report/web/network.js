// The drawing of the network: choosing a layer shows its formulas, how its weights are spread, and its filters.
import { broken, drawn, h } from "hubel/view/dom";

const MOST = 4; // layers told of at once, where one box stands for several equal ones

function formulas(list) {
  return h("dl", { class: "formulas" }, list.flatMap(([title, values, names]) => [
    h("dt", {}, title),
    h("dd", { class: "values" }, values),
    h("dd", { class: "names" }, broken(names)),
  ]));
}

function told(row, all) {
  const parts = [
    h("h3", {}, row.title),
    h("dl", { class: "facts" }, row.facts.map(([name, value, meaning]) =>
      h("div", {}, h("dt", {}, meaning ? h("abbr", { title: meaning, tabindex: 0 }, name) : name), h("dd", {}, value)))),
    ...row.notes.map((note) => h("p", { class: "note" }, note)),
  ];
  const beside = [];
  if (row.filters) {
    const { url, width, height, caption } = row.filters;
    beside.push(h("figure", { class: "filters" },
      h("img", { src: url, width, height, alt: caption }), h("figcaption", {}, caption)));
  }
  if (row.weights) {
    beside.push(h("figure", {}, drawn(row.weights.chart), h("figcaption", {}, row.weights.words)));
  }
  const list = all.formulas[row.formulas];
  return h("article", { class: "layer-told" }, ...parts,
    h("div", { class: "beside" }, list.length ? formulas(list) : null, beside.length ? h("div", {}, beside) : null));
}

/** Make the drawing and the table in `place` choose layers. */
export function network(place, all) {
  const panel = place.querySelector("#layer");
  const shapes = [...place.querySelectorAll(".layer[data-rows]")];
  const lines = [...place.querySelectorAll("#layers-table tbody tr")];
  const rowsOf = (shape) => shape.dataset.rows.split(" ").map(Number);

  function show(rows) {
    const shown = rows.slice(0, MOST).map((row) => told(all.rows[row], all));
    if (rows.length > MOST) shown.push(h("p", { class: "note" }, `and ${rows.length - MOST} more in the table below`));
    panel.replaceChildren(...shown);
    lines.forEach((line, number) => line.classList.toggle("chosen", rows.includes(number)));
    for (const shape of shapes) {
      const chosen = rowsOf(shape).some((row) => rows.includes(row));
      shape.classList.toggle("chosen", chosen);
      shape.setAttribute("aria-pressed", String(chosen));
    }
  }

  for (const shape of shapes) {
    shape.addEventListener("click", () => show(rowsOf(shape)));
    shape.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      show(rowsOf(shape));
    });
  }
  lines.forEach((line, number) => line.querySelector("button").addEventListener("click", () => {
    show([number]);
    panel.scrollIntoView({ block: "nearest" });
  }));
  const first = shapes.find((shape) => rowsOf(shape).some((row) => all.rows[row].filters)) ?? shapes[0];
  if (first) show(rowsOf(first));
}
