// What a model that hears looks at: a WAV file that is chosen or dropped, or a sample's spectrogram.

import { h } from "hubel/view/dom";
import { sampleButton } from "hubel/view/live/pad";
import { soundSeen } from "hubel/view/sound/seen";
import { heardAs, inGrey } from "hubel/view/sound/shown";

/** Stands where `makePad` gives a pad, with the same ways in: `tell()` is called whenever `pixels()` gives something else. */
export function makeEar({ preprocessing: rules }, samples, tell) {
  const surface = h("div", { class: "ear" });
  const note = h("p", { class: "note", hidden: true });
  const player = h("audio", { controls: true, hidden: true });
  let seen = silent();

  function silent() {
    return { width: rules.width, height: rules.height, data: new Uint8ClampedArray(rules.width * rules.height) };
  }

  function take(found, what, words = "") {
    seen = found;
    surface.replaceChildren(heardAs(found, rules));
    surface.dataset.holds = what;
    note.textContent = words;
    note.hidden = !words;
    player.hidden = what !== "sound";
    tell(what);
  }

  function clear() {
    player.pause();
    take(silent(), "clear");
  }

  /** Show a sample: a picture, a pixel of which is a number of what the network sees. */
  function show(image) {
    const canvas = h("canvas", { width: rules.width, height: rules.height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    take({ ...silent(), data: data.filter((_, i) => i % 4 === 0) }, "picture");
  }

  async function open(file) {
    if (!file) return tell("refused", "there is no file in it");
    try {
      const found = soundSeen(new Uint8Array(await file.arrayBuffer()), rules);
      if (player.src) URL.revokeObjectURL(player.src);
      player.src = URL.createObjectURL(file);
      take(found, "sound", [file.name, ...found.notes].join(" · "));
    } catch (error) {
      tell("refused", `${file.name || "this"} ${error.message}`);
    }
  }

  const chooser = h("input", { type: "file", accept: "audio/wav,.wav", class: "hidden", tabindex: "-1", "aria-label": "WAV file" });
  chooser.addEventListener("change", () => {
    if (chooser.files.length) open(chooser.files[0]);
    chooser.value = "";
  });
  const tools = h(
    "div",
    { class: "tools" },
    h("button", { type: "button", onclick: clear }, "Clear"),
    h("button", { type: "button", onclick: () => chooser.click() }, "WAV…"),
    chooser,
  );
  const strip = h("div", { class: "samples", role: "group", "aria-label": "sample sounds" });
  const first = () => strip.firstChild?.click();
  function offer(some) {
    for (const sample of some) strip.append(sampleButton(sample, show));
  }
  offer(samples);
  surface.append(heardAs(seen, rules));
  return {
    element: h("div", { class: "pad-holder" }, surface, player, note, tools, strip),
    open,
    show,
    first,
    later(some) {
      offer(some);
      if (!surface.dataset.holds) first();
    },
    pixels: () => inGrey(seen),
  };
}
