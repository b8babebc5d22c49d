// A file that is dropped on the room: a network's text, or a model file, which says in its head what network it is.

import { seen } from "hubel/studio/usable";

const [LONGEST, DEEPEST] = [200_000, 5_000_000]; // bytes of a text, and of a head

/** The network's text that a file holds. Raises in words where it holds none. */
export async function networkOf(file) {
  const name = seen(file.name, 80);
  if (/\.safetensors$/i.test(file.name)) {
    const length = Number(new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true));
    if (length > DEEPEST) throw Error(`${name}: expected a model file that hubel wrote`);
    try {
      return JSON.parse(JSON.parse(await file.slice(8, 8 + length).text()).__metadata__.hubel).network;
    } catch {
      throw Error(`${name}: expected a model file that hubel wrote; hubel inspect reads others`);
    }
  }
  const text = file.size > LONGEST ? "" : await file.text();
  if (!text.trim() || /[\0\ufffd]/.test(text)) {
    throw Error(`${name}: expected a network's text, or a model file of hubel's (.safetensors); hubel inspect reads PyTorch's and ONNX files`);
  }
  return text.trim();
}

/** Take files that are dropped on an element: take(text), or say(words) why not. */
export function takesNetworks(element, take, say) {
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (!file) return; // words, which the editor takes
    event.preventDefault();
    networkOf(file).then(take, (error) => say(error.message));
  });
}
