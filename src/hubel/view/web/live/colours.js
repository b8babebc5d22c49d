// From numbers to colours, as in every other picture: signed values diverge around white, magnitudes run
// from dark to light.

import { decode } from "hubel/view/engine/model";

/** The packed tables as 32-bit pixels: {signed, magnitude, grey}. */
export function tables(packed) {
  const found = { grey: new Uint32Array(256).map((_, i) => pixel(i, i, i)) };
  for (const [name, text] of Object.entries(packed.colours)) {
    const bytes = decode(text);
    found[name] = new Uint32Array(bytes.length / 3).map((_, i) =>
      pixel(bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2]),
    );
  }
  return found;
}

/** The colour of one number between two limits, as a 32-bit pixel. */
export function colour(table, value, low, high) {
  const last = table.length - 1;
  const share = high > low ? (value - low) / (high - low) : table.length % 2 ? 0.5 : 0;
  return table[Math.round(Math.min(1, Math.max(0, share)) * last)];
}

/** A 32-bit pixel as CSS, and black or white to write on it. */
export function css(value) {
  const [r, g, b] = [value & 255, (value >> 8) & 255, (value >> 16) & 255];
  return { fill: `rgb(${r} ${g} ${b})`, ink: 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.179 ? "#000" : "#fff" };
}

// by the luminance of WCAG, one of the two has a contrast of at least 4.5
const linear = (part) => (part <= 10.3 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);

/** The page's own colours as canvases want them: custom properties with `light-dark()` worked out. */
export function themed(element, ...names) {
  const probe = element.ownerDocument.createElement("i");
  (element.parentElement || element).append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(${name}, currentColor)`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

/** A shape as on slides. */
export const shapeText = (shape) => shape.join("×");

function pixel(r, g, b) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
