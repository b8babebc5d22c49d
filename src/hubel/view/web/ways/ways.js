// The ways to show a picture to a model: chosen, dropped or pasted, by the camera, drawn; of sounds a file, the microphone.

import { h } from "hubel/view/dom";
import { makePad } from "hubel/view/live/pad";
import { makeCamera } from "hubel/view/ways/camera";
import { makeMicrophone } from "hubel/view/ways/microphone";

const KEPT = 24; // answers that stay on the page

/** Buttons and what they open. `look(blob, name)` gives a card of what the model says; `shown` keeps such cards. */
export function makeWays(preprocessing, look, shown) {
  function put(made) {
    shown.prepend(made);
    while (shown.children.length > KEPT) shown.lastChild.remove();
  }
  const hears = preprocessing.fit === "time";
  const ears = {
    Sounds: () => filesPanel(look, put, "WAV files", "audio/wav,.wav"),
    Microphone: () => makeMicrophone(preprocessing, look, put),
  };
  const eyes = {
    Pictures: () => filesPanel(look, put),
    Camera: () => makeCamera(look, put),
    Draw: () => drawPanel(preprocessing, look),
  };
  const made = hears ? ears : eyes;
  const holder = h("div", { class: "holder" });
  const buttons = Object.entries(made).map(([name, make]) => {
    const button = h("button", { type: "button", "aria-pressed": "false" }, name);
    button.addEventListener("click", () => {
      holder.firstElementChild?.dispatchEvent(new Event("left"));
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      holder.replaceChildren(make());
    });
    return button;
  });
  buttons[0].click();
  return [h("div", { class: "ways", role: "group", "aria-label": hears ? "how to play a sound to it" : "how to show a picture" }, buttons), holder];
}

function filesPanel(look, put, what = "pictures", accept = "image/*") {
  const chooser = h("input", { type: "file", accept, multiple: true, class: "hidden", id: "files" });
  const taken = async (files) => {
    for (const file of files) put(await look(file, file.name)); // one after the other
  };
  chooser.addEventListener("change", async () => {
    await taken([...chooser.files]);
    chooser.value = "";
  });
  const zone = h(
    "label",
    { class: "zone", for: "files" },
    h("b", {}, `Choose ${what}`),
    h("span", {}, "or drop them here, or paste one"),
  );
  for (const name of ["dragover", "dragenter"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    taken([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => taken([...event.clipboardData.files]));
  return h("div", {}, chooser, zone);
}

/** A pad whose drawing is looked at a moment after each stroke. */
function drawPanel(preprocessing, look) {
  const answer = h("div", { class: "answer-place" });
  let waiting = null;
  let busy = false;
  async function seen() {
    if (busy) return later();
    busy = true;
    const { width, height, data } = pad.pixels();
    const canvas = h("canvas", { width, height });
    canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done));
    answer.replaceChildren(await look(blob, "drawing"));
    busy = false;
  }
  function later() {
    clearTimeout(waiting);
    waiting = setTimeout(seen, 120);
  }
  const tell = (what) => (what === "clear" ? answer.replaceChildren() : later());
  const pad = makePad({ preprocessing }, [], tell, false);
  return h("div", { class: "beside" }, h("div", { class: "live" }, pad.element), answer);
}
