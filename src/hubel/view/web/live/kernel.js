// Change a kernel's numbers, or load one that has a name, and see what follows.

import { h } from "hubel/view/dom";

const MOST_CELLS = 49;

/** Whether a layer's kernels can be edited here. */
export function isEditable(step) {
  const { kernel } = step.operation;
  return Boolean(kernel) && kernel[0] * kernel[1] <= MOST_CELLS;
}

/** The editor of one layer's kernels, folded; `changed()` is called after each change, `current()` is the filter that
 * is looked at. */
export function kernelEditor(model, step, named, changed, current) {
  const { path } = step;
  const [rows, columns, each] = step.operation.kernel;
  const filter = number("filter", step.shape[2], read);
  const channel = number("channel", each, read);
  const cells = Array.from({ length: rows * columns }, (_, i) =>
    h("input", {
      type: "number",
      step: "any",
      inputmode: "decimal",
      "aria-label": `weight at row ${Math.floor(i / columns)}, column ${i % columns}`,
      oninput: write,
    }),
  );
  const fitting = named.filter(({ grid }) => grid.length <= rows && grid[0].length <= columns);
  const names = h(
    "select",
    { "aria-label": "a kernel with a name", onchange: loadNamed },
    h("option", { value: "" }, "load a kernel…"),
    h("option", { value: "zero" }, "zero: nothing at all"),
    fitting.map(({ name, summary }) => h("option", { value: name }, `${name}: ${summary}`)),
  );
  const back = h(
    "button",
    { type: "button", onclick: () => reset(path, Number(filter.value), Number(channel.value)) },
    "Reset this kernel",
  );
  const all = h("button", { type: "button", onclick: () => reset() }, "Reset everything");
  const grid = h("div", { class: "kernel-grid", role: "group", "aria-label": "the kernel's weights" }, cells);
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 62px))`;
  const element = h(
    "details",
    { class: "kernel" },
    h("summary", {}, "edit a kernel"),
    h(
      "div",
      { class: "tools" },
      h("label", {}, "filter", filter),
      each > 1 ? h("label", {}, "channel", channel) : null,
      names,
      back,
      all,
    ),
    grid,
  );
  element.addEventListener("toggle", () => {
    filter.value = String(current() ?? filter.value);
    read();
  });

  function read() {
    if (!element.open) return;
    const values = model.kernel(path, Number(filter.value), Number(channel.value));
    cells.forEach((cell, i) => {
      if (document.activeElement !== cell) cell.value = String(Number(values[i].toFixed(4)));
    });
    back.disabled = !model.isChanged(path, Number(filter.value), Number(channel.value));
    all.disabled = !model.isAnyChanged;
  }

  function write() {
    const own = model.kernel(path, Number(filter.value), Number(channel.value));
    // a cell that nobody touched keeps all its decimals
    const values = cells.map((cell, i) => {
      const isSame = cell.value === String(Number(own[i].toFixed(4)));
      const value = Number(cell.value);
      return isSame || cell.value === "" || !Number.isFinite(value) ? own[i] : value;
    });
    set(values);
  }

  function set(values) {
    model.setKernel(path, Number(filter.value), Number(channel.value), values);
    read();
    changed(`kernel of ${path}, filter ${filter.value}, changed`);
  }

  function loadNamed() {
    const values = new Float32Array(rows * columns);
    const found = fitting.find(({ name }) => name === names.value);
    if (found) {
      const [top, left] = [
        Math.floor((rows - found.grid.length) / 2),
        Math.floor((columns - found.grid[0].length) / 2),
      ];
      found.grid.forEach((line, y) => line.forEach((value, x) => (values[(top + y) * columns + left + x] = value)));
    }
    if (names.value) set(values);
    names.value = "";
  }

  function reset(...place) {
    model.resetKernel(...place);
    read();
    changed(place.length ? "kernel put back" : "all kernels put back");
  }

  return { element, read, choose: (index) => ((filter.value = String(index)), read()) };
}

function number(name, count, onchange) {
  const options = Array.from({ length: count }, (_, i) => h("option", { value: String(i) }, String(i)));
  return h("select", { "aria-label": name, onchange }, options);
}
