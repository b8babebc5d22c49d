// Asking Python, which runs in a worker of the page. Until it is there, networks of the zoo are answered from files.

const DRAWN = ["network", "design", "figures"]; // what the files of the zoo hold
const waiting = new Map(); // by number: {done, failed}
const ofZoo = new Map(); // text: what its file holds
let number = 0;
let state = "beginning";
let worker = null;

function begin() {
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.ready) {
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
  worker.onerror = (event) => fail(event.message || "the worker could not be started");
}

function fail(why) {
  state = "failed";
  tell("failed", why);
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
    waiting.set(own, { done, failed });
    worker.postMessage({ number: own, question, values });
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

function tell(what, why = null) {
  document.dispatchEvent(new CustomEvent("asking", { detail: { state: what, answer: why } }));
}
