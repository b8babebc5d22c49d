// A file that the page itself writes: nothing is asked of anybody.

import { h } from "hubel/view/dom";

/** Have the browser keep text as a file. */
export function saved(name, kind, text) {
  const href = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = h("a", { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
