// Shows the image of the point that is pointed at, or that the arrow keys have reached.
for (const space of document.querySelectorAll(".space")) {
  const data = JSON.parse(space.querySelector("script").textContent);
  const drawing = space.querySelector("svg");
  const card = space.querySelector(".pointed");
  const [sprite, words] = card.children;
  const mark = space.querySelector("i");
  const reach = 14;
  let current = -1;

  drawing.querySelectorAll("image title").forEach((title) => title.remove());
  const scale = () => drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width;

  const show = (index) => {
    current = index;
    card.hidden = index < 0;
    mark.style.display = index < 0 ? "none" : "block";
    if (index < 0) return;
    const factor = scale();
    const [x, y] = data.points[index].map((place) => place * factor);
    const is = data.classes[data.labels[index]];
    const called = data.classes[data.predicted[index]];
    sprite.style.setProperty("--x", index % data.columns);
    sprite.style.setProperty("--y", Math.floor(index / data.columns));
    words.replaceChildren(is);
    if (is !== called) {
      const wrong = document.createElement("b");
      wrong.textContent = `, taken for ${called}`;
      words.append(wrong);
    }
    const number = document.createElement("small");
    number.textContent = `image ${data.chosen[index]}`;
    words.append(number);
    mark.style.left = `${x}px`;
    mark.style.top = `${y}px`;
    const room = space.clientWidth;
    card.style.left = `${Math.max(0, x + 14 + card.offsetWidth > room ? x - 14 - card.offsetWidth : x + 14)}px`;
    const lowest = Math.max(0, space.clientHeight - card.offsetHeight);
    card.style.top = `${Math.min(lowest, Math.max(0, y - card.offsetHeight / 2))}px`;
  };

  const nearest = (x, y, among, weigh) => {
    let best = -1;
    let least = Infinity;
    data.points.forEach(([left, top], index) => {
      const far = among(left - x, top - y, index) ? weigh(left - x, top - y) : Infinity;
      if (far < least) [best, least] = [index, far];
    });
    return [best, least];
  };

  const point = (event) => {
    const box = drawing.getBoundingClientRect();
    const factor = scale();
    const [index, far] = nearest((event.clientX - box.left) / factor, (event.clientY - box.top) / factor, () => true, Math.hypot);
    show(far * factor <= reach ? index : -1);
  };
  drawing.addEventListener("pointermove", point);
  drawing.addEventListener("pointerdown", point);
  space.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && show(-1));
  space.addEventListener("blur", () => show(-1));

  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  space.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return show(-1);
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    if (current < 0) return show(0);
    const ahead = (x, y) => x * way[0] + y * way[1];
    const aside = (x, y) => Math.abs(x * way[1]) + Math.abs(y * way[0]);
    const [index] = nearest(...data.points[current], (x, y, other) => other !== current && ahead(x, y) > aside(x, y), Math.hypot);
    if (index >= 0) show(index);
  });
}
