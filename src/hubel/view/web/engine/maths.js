// What the arithmetic of activations says beyond `Math`.

export const sqrt2 = Math.SQRT2;

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

export const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

// Abramowitz & Stegun, formula 7.1.26: right to 1.5e-7
export function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const found = 1 - series * Math.exp(-x * x);
  return x >= 0 ? found : -found;
}
