// Where the page stood at each entry of the browser's history: a room opens at its top, and Back finds the one before as
// it was left, as between pages.

const tops = new Map(); // pixels, by entry
let here = null; // the entry that is shown

// the browser knows nothing of rooms: what it restores it takes from the height of the one that was left
addEventListener("pageshow", () => { history.scrollRestoration = "manual"; });
addEventListener("pagehide", () => { history.scrollRestoration = "auto"; }); // of a page that is loaded again

/** Remember where the page stands, before another entry is shown. */
export function leave() {
  tops.set(here, scrollY);
}

/** Stand where the entry that is shown now was left; one that is new, and another room, at its top. */
export function arrive(isOther) {
  here = history.state?.entry ?? null;
  const isNew = here === null;
  if (isNew) history.replaceState({ entry: (here = `${performance.timeOrigin} ${performance.now()}`) }, "");
  const top = isNew ? undefined : tops.get(here);
  if (top !== undefined || isOther) scrollTo(0, top ?? 0);
}
