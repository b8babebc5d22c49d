// Pointing at a chart tells the epoch's figures in all charts beside it; the table below has them for whoever cannot.

/** Let the charts over epochs within `group` be pointed at. */
export function curves(group) {
  const charts = [...group.querySelectorAll("svg.curves")].map((svg) => ({
    svg,
    line: svg.querySelector(".pointer"),
    places: svg.dataset.places.split(",").map(Number),
    epochs: svg.dataset.epochs.split(","),
    values: svg.dataset.values.split("|").map((one) => one.split(",")),
    caption: svg.closest("figure").querySelector("figcaption"),
  }));
  if (!charts.length) return;

  function show(nearest) {
    for (const chart of charts) {
      chart.svg.classList.toggle("pointed", nearest !== null);
      const keys = [...chart.caption.querySelectorAll(".key")];
      const told = chart.caption.querySelector(".told") ?? chart.caption.appendChild(document.createElement("span"));
      told.className = "told";
      told.textContent = "";
      if (nearest === null) continue;
      chart.line.setAttribute("x1", chart.places[nearest]);
      chart.line.setAttribute("x2", chart.places[nearest]);
      const figures = chart.values.map((values, number) => `${keys[number]?.textContent ?? ""} ${values[nearest]}`.trim());
      told.textContent = ` epoch ${chart.epochs[nearest]}: ${figures.join(", ")}`;
    }
  }

  for (const { svg, places } of charts) {
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      show(places.reduce((best, place, number) => (Math.abs(place - x) < Math.abs(places[best] - x) ? number : best), 0));
    });
    svg.addEventListener("pointerleave", () => show(null));
  }
}
