// Pointing at a layer, or reaching it by keyboard, shows its formulas; choosing one also finds it in the table.
const data = JSON.parse(document.getElementById("formulas").textContent);
const panel = document.querySelector("aside");
const shown = panel.querySelector("div");
const lines = document.querySelectorAll("tbody tr");
const shapes = [...document.querySelectorAll(".layer[data-rows]")];
const rowsOf = (shape) => shape.dataset.rows.split(" ").map(Number);
const MOST = 6;

function element(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function show(rows) {
  const list = rows.slice(0, MOST).flatMap((row) => {
    const terms = element("dl", "");
    for (const [title, values, names] of data.formulas[data.rows[row].formulas]) {
      const told = element("dd", values);
      told.append(element("span", names));
      terms.append(element("dt", title), told);
    }
    return [element("h2", data.rows[row].title), terms];
  });
  if (rows.length > MOST) list.push(element("p", `and ${rows.length - MOST} more of these in the table`));
  shown.replaceChildren(...list);
  panel.hidden = false;
  lines.forEach((line, place) => line.classList.toggle("chosen", rows.includes(place)));
  for (const shape of shapes) shape.classList.toggle("chosen", rowsOf(shape).some((row) => rows.includes(row)));
}

for (const shape of shapes) {
  const choose = () => show(rowsOf(shape));
  shape.addEventListener("pointerenter", (event) => {
    // not where the panel would open under the pointer
    if (event.pointerType === "mouse" && (!panel.hidden || event.clientY < 0.55 * innerHeight)) choose();
  });
  shape.addEventListener("focus", choose);
  shape.addEventListener("click", choose);
  shape.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    lines[rowsOf(shape)[0]].querySelector("button").focus();
  });
}
lines.forEach((line, place) => {
  line.querySelector("button").addEventListener("click", () => show([place]));
});
const close = () => { panel.hidden = true; };
panel.querySelector("button").addEventListener("click", close);
document.addEventListener("keydown", (event) => event.key === "Escape" && close());
