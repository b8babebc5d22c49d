// Asking Python, which runs in a worker of the page. Until it is there, networks of the zoo are answered from files.

const DRAWN = ["network", "design", "figures"]; // what the files of the zoo hold
const PATIENCE = 20_000; // ms for Python to begin where its memory stood, which takes one or two
const waiting = new Map(); // by number: {done, failed, asked}
const ofZoo = new Map(); // text: what its file holds
let number = 0;
let state = "beginning";
let worker = null;

addEventListener("load", () => worker || keep()); // a room that asks nothing; else once Python is here, or cannot be

function begin(name = "python") {
  let late = null;
  worker = new Worker("worker.js", { type: "module", name });
  worker.onmessage = ({ data }) => {
    if ("isRemembering" in data) {
      clearTimeout(late);
      if (data.isRemembering) late = setTimeout(() => anew(), PATIENCE);
    } else if (data.ready) {
      clearTimeout(late);
      state = "ready";
      document.documentElement.dataset.python = data.isRemembered ? "remembered" : "begun";
      tell("answered");
      tell("ready");
      keep();
    } else if (data.failed) fail(data.failed);
    else {
      const { done, failed } = waiting.get(data.number);
      waiting.delete(data.number);
      if (data.error) failed(Error(data.error));
      else done(JSON.parse(data.answer));
    }
  };
  worker.onerror = (event) => fail(event.message || "a program of it could not be loaded; the web server has to send files named .js as JavaScript");
}

/** Begin again without the memory that was kept, and ask again what waits: a start that hangs says nothing. */
function anew(told = "anew") {
  worker.terminate();
  state = "beginning";
  begin("anew");
  for (const { asked } of waiting.values()) worker.postMessage(asked);
  tell(told);
}

function fail(why) {
  state = "failed";
  keep();
  tell("failed", { why, again: () => anew("beginning") });
}

/** Keep the site for when there is no network. Without that (no https) it works all the same. */
function keep() {
  if (isSecureContext && navigator.serviceWorker) navigator.serviceWorker.register("sw.js").catch(() => {});
}

/** A file that lies beside the page. */
export function file(place) {
  return fetch(place);
}

/** The answer to a question. Tells the page how Python is doing with the event "asking". */
export async function ask(question, values = {}) {
  if (!worker) begin();
  if (state !== "ready") {
    const found = DRAWN.includes(question) ? await fromFile(question, values) : null;
    if (found) return found;
    if (state === "beginning") tell("beginning");
  }
  number += 1;
  const own = number;
  return new Promise((done, failed) => {
    const asked = { number: own, question, values };
    waiting.set(own, { done, failed, asked });
    worker.postMessage(asked);
  });
}

/** What the file of a network of the zoo has to a question; null where it is about no such network. */
async function fromFile(question, { name, text }) {
  const wanted = name ?? (/^\w+$/.test(text.trim()) ? text.trim() : null);
  if (wanted === null) return ofZoo.get(text)?.[question] ?? null;
  try {
    const found = await fetch(`zoo/${wanted}.json`);
    if (!found.ok) return null;
    const held = await found.json();
    ofZoo.set(held.network.text, held);
    return held[question];
  } catch {
    return null;
  }
}

function tell(what, answer = null) {
  document.dispatchEvent(new CustomEvent("asking", { detail: { state: what, answer } }));
}
