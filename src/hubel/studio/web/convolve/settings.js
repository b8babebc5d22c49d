// Numbers that are typed: from where to where they go, and what is said of others.

export const RANGES = { s: [1, 6], p: [0, 6], d: [1, 4], b: [-99, 99] };

/** The whole number that is nearest to what was typed and lies within the range. */
export function bounded(value, [least, most]) {
  const found = Math.round(Number(value));
  return Number.isFinite(found) ? Math.max(least, Math.min(most, found)) : least;
}

/** What the first wrong one of some fields holds, in words; else nothing. Of each: field, range, whether whole, whether used. */
export function refused(fields) {
  const told = fields.map(([field, [least, most], isWhole, isUsed]) => {
    const value = field.value.trim() === "" ? NaN : Number(field.value);
    const isWrong = Boolean(isUsed) && !(value >= least && value <= most && (!isWhole || Number.isInteger(value)));
    field.setAttribute("aria-invalid", String(isWrong));
    const wanted = `a ${isWhole ? "whole " : ""}number from ${least} to ${most}`;
    return isWrong && `${field.getAttribute("aria-label")}: expected ${wanted}, received ${field.value || "nothing"}`;
  });
  return told.find(Boolean);
}
