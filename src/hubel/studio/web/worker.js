// Python in a worker: hubel's own answers to the page's questions.
//
// Python's memory as it is once hubel is imported is kept by the browser where it may keep something, so that a later
// visit begins there: Pyodide's own way of starting, of the one version that the site brings.

import * as python from "./pyodide/pyodide.js";

const KEPT = "hubel-python"; // the cache of the memories
const BEGIN = "import sys; sys.path.insert(0, '/hubel')\nfrom hubel.studio.answers import answered_json";
const HERE = new URL(".", location.href).href;

// Pyodide says of some of what it could not have, such as its program, in the console alone, and waits for ever
let refuse = null;
const broken = new Promise((_, failed) => { refuse = failed; });
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  refuse(event.reason);
});

// a server that knows no .wasm sends it as what is not compiled while it comes, but from its bytes
const streamed = WebAssembly.instantiateStreaming?.bind(WebAssembly);
if (streamed) WebAssembly.instantiateStreaming = async (response, imports) => {
  try {
    const found = await response;
    if (!found.ok) throw Error(String(found.status));
    return await (found.headers.get("Content-Type") === "application/wasm" ? streamed(found, imports) : WebAssembly.instantiate(await found.arrayBuffer(), imports));
  } catch (error) {
    refuse(Error(`pyodide.asm.wasm: ${error.message}`));
    throw error;
  }
};

let isRemembered = false;
const ready = Promise.race([begin(), broken]);

async function begin() {
  const archive = await fetched();
  const memory = await kept(archive).catch(() => null);
  if (memory?.found && self.name === "anew") await memory.forget(); // it hung, and the page began this worker
  else if (memory?.found) {
    postMessage({ isRemembering: true });
    try {
      const answered = answers(await started({ _loadSnapshot: memory.found }, archive));
      isRemembered = true;
      return answered;
    } catch {
      postMessage({ isRemembering: false });
      await memory.forget();
    }
  }
  const pyodide = await started(memory ? { _makeSnapshot: true } : {}, archive);
  pyodide.runPython(BEGIN);
  if (memory) memory.keep(pyodide.makeMemorySnapshot()).catch(() => {}); // before anybody has asked anything
  return answers(pyodide);
}

async function fetched() {
  const found = await fetch("hubel.bin").catch(({ message }) => { throw Error(`hubel.bin: ${message}`); });
  if (!found.ok) throw Error(`hubel.bin: ${found.status}`);
  return new Response(found.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function started(options, archive) {
  const pyodide = await python.loadPyodide({ indexURL: `${HERE}pyodide/`, ...options });
  pyodide.unpackArchive(archive, "zip", { extractDir: "/hubel" }); // files are no part of the memory
  return pyodide;
}

const answers = (pyodide) => pyodide.runPython("from hubel.studio.answers import answered_json\nanswered_json");

/** What is kept of this very archive and Pyodide: `found` whole, or not; null where the browser keeps nothing. */
async function kept(archive) {
  if (!self.caches || !self.crypto?.subtle) return null;
  const name = `${HERE}memory/${python.version}-${await digest(archive)}`;
  const cache = await caches.open(KEPT);
  const held = await cache.match(name);
  const found = held && new Uint8Array(await held.arrayBuffer());
  return {
    found: found && (await digest(found)) === held.headers.get("digest") ? found : null,
    forget: () => cache.delete(name),
    async keep(memory) {
      for (const { url } of await cache.keys()) if (url.startsWith(`${HERE}memory/`)) await cache.delete(url);
      await cache.put(name, new Response(memory, { headers: { digest: await digest(memory) } }));
    },
  };
}

async function digest(bytes) {
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(found, (each) => each.toString(16).padStart(2, "0")).join("");
}

ready.then(() => postMessage({ ready: true, isRemembered }), (error) => postMessage({ failed: String(error.message ?? error).slice(0, 500) }));

onmessage = async ({ data: { number, question, values } }) => {
  const answered = await ready.catch(() => null);
  if (!answered) return; // the page asks again, where somebody wants to try again
  try {
    postMessage({ number, answer: answered(question, JSON.stringify(values)) });
  } catch (error) {
    postMessage({ number, error: String(error.message ?? error).slice(-500) });
  }
};
