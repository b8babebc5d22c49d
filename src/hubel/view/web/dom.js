// Small helpers that every part of the page uses: elements, the page's data, numbers in words.

/** An element: `h("button", {type: "button", onclick}, "words", child, …)`. Words are text, never HTML. */
export function h(kind, attributes = {}, ...children) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") made.style.cssText = value; // the page's policy allows no attribute
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A path or a rule that may break after its dots. */
export const broken = (text) => text.split(/(?<=[.·])/).flatMap((part) => [part, h("wbr")]);

/** The JSON that the page holds under a name; null where it holds none. */
export function held(name) {
  const found = document.getElementById(name);
  return found && found.type === "application/json" ? JSON.parse(found.textContent) : null;
}

export const count = (number) => number.toLocaleString("en-US");
export const percent = (share, digits = 2) => `${(100 * share).toFixed(digits)}%`;

/** SVG and other markup that the report's own program wrote. */
export function drawn(markup) {
  const holder = document.createElement("div");
  holder.innerHTML = markup;
  return holder.firstElementChild;
}
