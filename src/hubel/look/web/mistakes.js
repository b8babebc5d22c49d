// Opens the images of a cell of the confusion matrix.
for (const confusion of document.querySelectorAll(".confusion")) {
  const data = JSON.parse(confusion.querySelector("script").textContent);
  const opened = confusion.querySelector(".opened");
  const buttons = [...confusion.querySelectorAll("button[data-cell]")];

  const made = (name, fields = {}, ...inside) => {
    const element = Object.assign(document.createElement(name), fields);
    element.append(...inside);
    return element;
  };
  const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 2 : 1)}%`;

  const figure = (place) => {
    const answers = data.rows[place].slice(1);
    const name = data.names[place];
    const words = answers.map(([which, share]) => `${data.classes[which]} ${percent(share)}`).join(", ");
    const image = made("span", { className: "sprite", title: name });
    image.setAttribute("role", "img");
    image.setAttribute("aria-label", `${name}: ${words}`);
    image.style.setProperty("--x", place % data.columns);
    image.style.setProperty("--y", Math.floor(place / data.columns));
    const lines = answers.map(([which, share]) => {
      const line = made("div", {}, made("span", { textContent: data.classes[which], title: data.classes[which] }),
        made("span", { textContent: percent(share) }));
      line.style.setProperty("--p", `${100 * share}%`);
      return line;
    });
    return made("figure", {}, image, made("figcaption", {}, ...lines));
  };

  const open = (button) => {
    const cell = button.dataset.cell;
    const [is, called] = cell.split(",").map((which) => data.classes[which]);
    const places = data.cells[cell];
    const count = data.counts[cell];
    const shown = places.length < count ? `${places.length} of ${count.toLocaleString("en")}` : `${count}`;
    const title = is === called ? `${is}, rightly` : `${is} taken for ${called}`;
    const order = is === called ? "the least sure first" : "the surest first";
    opened.replaceChildren(
      made("h3", { textContent: title }),
      made("p", { textContent: `${shown} ${count === 1 ? "image" : `images, ${order}`}; the model's probabilities below` }),
      made("div", { className: "images" }, ...places.map(figure)),
    );
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  };

  for (const button of buttons) button.addEventListener("click", () => open(button));
  const wrong = buttons.filter(({ dataset }) => new Set(dataset.cell.split(",")).size === 2);
  const first = (wrong.length ? wrong : buttons).sort((one, other) => data.counts[other.dataset.cell] - data.counts[one.dataset.cell])[0];
  if (first) open(first);
}
