// Python in a worker: hubel's own answers to the page's questions.

import { loadPyodide } from "./pyodide/pyodide.mjs";

const ready = begin();

async function begin() {
  const [pyodide, archive] = await Promise.all([
    loadPyodide({ indexURL: new URL("pyodide/", location.href).href }),
    fetch("hubel.zip.gz").then((found) => {
      if (!found.ok) throw Error(`hubel.zip.gz: ${found.status}`);
      return new Response(found.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
    }),
  ]);
  pyodide.unpackArchive(archive, "zip", { extractDir: "/hubel" });
  return pyodide.runPython("import sys; sys.path.insert(0, '/hubel')\nfrom hubel.studio.answers import answered_json\nanswered_json");
}

ready.then(() => postMessage({ ready: true }), (error) => postMessage({ failed: String(error.message ?? error).slice(0, 500) }));

onmessage = async ({ data: { number, question, values } }) => {
  try {
    const answered = await ready;
    postMessage({ number, answer: answered(question, JSON.stringify(values)) });
  } catch (error) {
    postMessage({ number, error: String(error.message ?? error).slice(-500) });
  }
};
