// Asking Python through the notebook that shows the page: messages go to the frame around it, and come from there.

import { rewrite } from "hubel/studio/address";
import { held } from "hubel/view/dom";

const waiting = new Map(); // questions that are not answered, by their numbers
let asked = 0;

const { begin } = held("host");
if (begin && location.hash.length < 2) rewrite(begin);

addEventListener("message", ({ source, data }) => {
  if (source !== parent || typeof data !== "object" || data === null) return;
  if (data.address) location.hash = data.address;
  const own = waiting.get(data.number);
  if (own === undefined) return;
  waiting.delete(data.number);
  if (data.refused) own.fail(Object.assign(Error(data.refused), { refused: true }));
  else own.done(data.answer);
});

function message(what) {
  asked += 1;
  parent.postMessage({ ...what, number: asked }, "*");
  return new Promise((done, fail) => waiting.set(asked, { done, fail }));
}

/** A file that lies beside the page. */
export async function file(place) {
  const bytes = Uint8Array.from(atob(await message({ file: place })), (letter) => letter.charCodeAt(0));
  return new Response(bytes);
}

/** The answer to a question. */
export function ask(question, values = {}) {
  return message({ question, values });
}
