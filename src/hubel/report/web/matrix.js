// The confusion matrix. Its numbers are buttons that open their images; with many classes it becomes a map of colours.
import { count, h, percent } from "hubel/view/dom";

const WRITTEN = 20; // classes up to which numbers are written into the cells
const MOST = 120; // classes up to which all are in the matrix
const WIDE = 950; // pixels that a map of colours may take
const LISTED = 12; // pairs listed beside a map of colours

export function matrix(place, set) {
  const counts = new Map(set.confusion.map(([label, predicted, number]) => [`${label} ${predicted}`, number]));
  const totals = set.classes.map(() => 0);
  for (const [label, , number] of set.confusion) totals[label] += number;
  const wrong = set.confusion.filter(([label, predicted]) => label !== predicted).sort((a, b) => b[2] - a[2]);
  const rows = shownClasses(set, wrong);
  const written = rows.length <= WRITTEN;
  const worst = Math.max(0, ...wrong.map(([label, , number]) => number / totals[label]));
  const panel = h("div", { class: "panel", id: "cell", role: "region", "aria-live": "polite", "aria-label": `${set.many} of the chosen cell` });
  const turned = written && rows.length > 8 && rows.some((name) => set.classes[name].length > 6);
  const table = h("table", { class: `matrix ${written ? "written" : "small"} ${turned ? "turned" : ""}` });
  table.style.setProperty("--cell", `${Math.max(8, Math.min(14, Math.floor(WIDE / rows.length) - 1))}px`);
  table.style.setProperty("--classes", rows.length);
  let asShares = false;

  const at = (label, predicted) => counts.get(`${label} ${predicted}`) ?? 0;
  const share = (label, predicted) => (totals[label] ? at(label, predicted) / totals[label] : 0);
  const words = (label, predicted) => `${set.classes[label]} taken for ${set.classes[predicted]}: ` +
    `${set.counted(at(label, predicted))}, ${percent(share(label, predicted))} of ${set.classes[label]}`;

  function cell(label, predicted) {
    const number = at(label, predicted);
    const same = label === predicted ? "same" : "other";
    if (!number) return h("td", { class: `${same} none` }, written ? "·" : "");
    const text = asShares ? (100 * share(label, predicted)).toFixed(1) : count(number);
    const strength = Math.max(0.15, Math.sqrt(share(label, predicted) / (label === predicted ? 1 : worst)));
    return h("td", { class: same, style: `--strength:${strength.toFixed(3)}` }, h("button", {
      type: "button", tabindex: -1, "aria-label": words(label, predicted), title: words(label, predicted),
      "data-cell": `${label} ${predicted}`, "aria-pressed": "false",
    }, written ? text : ""));
  }

  function draw() {
    const head = h("tr", {}, h("td", { class: "corner" }, written ? "is \\ taken for" : ""),
      rows.map((name) => h("th", { scope: "col" }, h("span", { title: set.classes[name] }, set.classes[name]))),
      written ? h("th", { scope: "col", class: "sum" }, set.many) : null);
    table.replaceChildren(
      h("caption", { class: "hidden" }, `confusion matrix: rows are what ${set.many} are, columns what they were taken for`),
      h("thead", {}, head),
      h("tbody", {}, rows.map((label) => h("tr", {}, h("th", { scope: "row" }, h("span", { title: set.classes[label] }, set.classes[label])),
        rows.map((predicted) => cell(label, predicted)),
        written ? h("td", { class: "sum" }, count(totals[label])) : null))));
    const first = table.querySelector("button");
    if (first) first.tabIndex = 0;
  }

  function choose(button) {
    const [label, predicted] = button.dataset.cell.split(" ").map(Number);
    show(label, predicted);
  }

  function show(label, predicted) {
    for (const other of table.querySelectorAll("[aria-pressed=true]")) other.setAttribute("aria-pressed", "false");
    table.querySelector(`[data-cell="${label} ${predicted}"]`)?.setAttribute("aria-pressed", "true");
    const found = set.all.filter((image) => image.label === label && image.predicted === predicted)
      .sort((a, b) => b.sure - a.sure);
    const number = at(label, predicted);
    const some = found.length < number ? `; ${count(found.length)} of them are in this page` : ", the surest first";
    panel.replaceChildren(
      h("h3", {}, label === predicted ? `${set.classes[label]}, taken for what it is` : `${set.classes[label]} taken for ${set.classes[predicted]}`),
      h("p", {}, `${set.counted(number)}, ${percent(share(label, predicted))} of all ${set.counted(totals[label])} of ${set.classes[label]}${some}.`),
      set.cards(found));
  }

  function reach(button) {
    table.querySelectorAll("button[tabindex='0']").forEach((other) => { other.tabIndex = -1; });
    button.tabIndex = 0;
    button.focus();
  }

  table.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    reach(button);
    choose(button);
  });
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || !event.target.dataset.cell) return;
    event.preventDefault();
    const [row, column] = event.target.dataset.cell.split(" ").map((name) => rows.indexOf(Number(name)));
    for (let [r, c] = [row + step[0], column + step[1]]; rows[r] !== undefined && rows[c] !== undefined; r += step[0], c += step[1]) {
      const button = table.querySelector(`[data-cell="${rows[r]} ${rows[c]}"]`);
      if (button) return reach(button);
    }
  });

  const kinds = h("fieldset", { class: "choice" }, h("legend", {}, "Numbers are"), [set.many, "percent of their row"].map((text, number) =>
    h("label", {}, h("input", { type: "radio", name: "matrix-kind", checked: number === 0, onchange: () => {
      asShares = number === 1;
      draw();
    } }), ` ${text}`)));
  const some = rows.length < set.classes.length
    ? h("p", { class: "note" }, `Of ${count(set.classes.length)} classes, the ${rows.length} that are confused most.`) : null;
  draw();
  const sides = h("div", { class: written ? "sides" : "" }, h("div", { class: "scroll matrix-holder" }, table), written ? null : pairs(), panel);
  place.append(...[written ? kinds : null, some, sides].filter(Boolean));
  if (wrong.length) show(wrong[0][0], wrong[0][1]);

  function pairs() {
    return h("div", { class: "pairs" }, h("h3", {}, "Confused most often"), h("ol", {}, wrong.slice(0, LISTED).map(([label, predicted, number]) =>
      h("li", {}, h("button", { type: "button", class: "plain", onclick: () => show(label, predicted) },
        `${set.classes[label]} taken for ${set.classes[predicted]}`), ` ${set.counted(number)}, ${percent(share(label, predicted), 1)}`))));
  }
}

/** All classes, or where there are too many those that mistakes are made with most, in their order. */
function shownClasses(set, wrong) {
  const all = set.classes.map((_, number) => number);
  if (all.length <= MOST) return all;
  const errors = set.classes.map(() => 0);
  for (const [label, predicted, number] of wrong) {
    errors[label] += number;
    errors[predicted] += number;
  }
  return all.sort((a, b) => errors[b] - errors[a]).slice(0, MOST / 2).sort((a, b) => a - b);
}
