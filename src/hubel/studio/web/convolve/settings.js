// Numbers that are typed: from where to where they go, and what is said of others.

import { number } from "hubel/studio/convolve/patterns";

export const RANGES = { s: [1, 6], p: [0, 6], d: [1, 4], b: [-99, 99] };

/** The whole number that is nearest to what was typed and lies within the range. */
export function bounded(value, [least, most]) {
  const found = Math.round(Number(value));
  return Number.isFinite(found) ? Math.max(least, Math.min(most, found)) : least;
}

/** What the first wrong one of some fields holds, in words; else nothing. Of each: field, range if any, whether whole,
 * whether used. */
export function refused(fields) {
  const told = fields.map(([field, range, isWhole, isUsed]) => {
    const { value, wrong } = number(field.value);
    const [least, most] = range ?? [-Infinity, Infinity];
    const fits = value >= least && value <= most && (!isWhole || Number.isInteger(value));
    field.setAttribute("aria-invalid", String(Boolean(isUsed) && !fits));
    if (!isUsed || fits) return null;
    const received = field.validity.badInput ? "what is no number" : field.value || "nothing";
    const wanted = wrong && !isWhole ? wrong : `expected a ${isWhole ? "whole " : ""}number from ${least} to ${most}, received ${received}`;
    return `${field.getAttribute("aria-label")}: ${wanted}`;
  });
  return told.find(Boolean);
}
