// Numbers in words, as hubel.base.numbers has them.

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** JavaScript's digits as people write them: a real minus, and 1.5·10⁻⁹ for 1.5e-9. */
export function written(text) {
  const [digits, power] = text.split("e");
  const raised = power && [...power].map((letter) => (letter === "-" ? "⁻" : letter === "+" ? "" : RAISED[letter])).join("");
  return digits.replace("-", "−") + (raised ? `·10${raised}` : "");
}

/** A number with about three figures and no more letters than needed. */
export function shown(value, figures = 3) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001 || size >= 1e5) return written(value.toExponential(1));
  const text = value.toFixed(Math.max(0, figures - (size >= 1 ? Math.ceil(Math.log10(size + 1e-9)) : 0)));
  return Number(text) === 0 ? "0" : written(text);
}

/** As `shown`, for a cell of a grid: at most six letters. */
export function brief(value) {
  const size = Math.abs(value);
  if (size >= 99_999.5) return written(value.toExponential(0));
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return Number(text) === 0 ? "0" : written(text);
}
