// Light, dark, or as the system is set: for the page and for the drawings in it. On paper it is light.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");

/** Follow a `<select>` of auto, light and dark. Tells the page with the event "themechange". */
export function theme(select) {
  const follow = (printing = paper.matches) => {
    const wanted = select.value === "auto" ? (dark.matches ? "dark" : "light") : select.value;
    const chosen = printing ? "light" : wanted;
    document.documentElement.dataset.theme = chosen;
    for (const svg of document.querySelectorAll("svg:is(.hubel-auto, .hubel-light, .hubel-dark)")) {
      svg.classList.remove("hubel-auto", "hubel-light", "hubel-dark");
      svg.classList.add(`hubel-${chosen}`);
    }
    document.dispatchEvent(new CustomEvent("themechange", { detail: chosen }));
  };
  for (const source of [select, dark, paper]) source.addEventListener("change", () => follow());
  addEventListener("beforeprint", () => follow(true));
  addEventListener("afterprint", () => follow(false));
  follow();
}
