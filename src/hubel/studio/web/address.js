// What one sees stands behind # in the address, so that it can be linked and found again: room=design&net=28x28x1:…

const SHORT = [["%3A", ":"], ["%2C", ","], ["%28", "("], ["%29", ")"], ["%7C", "|"], ["%2A", "*"], ["%20", "+"]];
const WAIT = 110; // ms between two writings: browsers refuse more than a hundred in ten seconds

let timer = null;
let last = -WAIT; // ms: when one was written
const next = new Map();
let before = ""; // the address to which they belong

/** What the address says, by name. */
export function addressed() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Say something else in the address, at once unless it was just written; an empty value is left out. */
export function address(values) {
  if (location.hash !== before) next.clear(); // what waited belongs to an address that somebody left
  before = location.hash;
  for (const [name, value] of Object.entries(values)) next.set(name, value);
  clearTimeout(timer);
  timer = setTimeout(written, last + WAIT - performance.now());
}

/** Go to another place of the studio, from which the browser's Back comes here again. */
export function go(values) {
  written();
  address(values);
  written("pushState");
}

/** Write what waits to be written; way: how the browser's history takes it. */
export function written(way = "replaceState") {
  clearTimeout(timer);
  if (location.hash !== before) next.clear();
  if (!next.size) return;
  const all = { ...addressed(), ...Object.fromEntries(next) };
  next.clear();
  last = performance.now();
  const parts = Object.entries(all).filter(([, value]) => value).map(([name, value]) => `${name}=${escaped(value)}`);
  rewrite(parts.join("&"), way);
}

/** Put something else behind # in the address; in a frame it is not the page around it that an address begins with. */
export function rewrite(text, way = "replaceState") {
  history[way](way === "pushState" ? null : history.state, "", `${location.href.split("#")[0]}#${text}`);
}

function escaped(value) {
  return SHORT.reduce((text, [long, short]) => text.replaceAll(long, short), encodeURIComponent(value));
}
