// The camera: looked at again and again where the browser gives it to a page (https, or this machine); elsewhere a
// button that opens the phone's own camera.

import { h } from "hubel/view/dom";

const PAUSE = 150; // ms between an answer and the next look

/** `look(blob, name)` gives a card of what the model says; `put(card)` keeps one. */
export function makeCamera(look, put) {
  return navigator.mediaDevices?.getUserMedia ? live(look, put) : taking(look, put);
}

function taking(look, put) {
  const chooser = h("input", { type: "file", accept: "image/*", capture: "environment", class: "hidden", id: "taken" });
  chooser.addEventListener("change", async () => {
    for (const file of chooser.files) put(await look(file, file.name));
    chooser.value = "";
  });
  const words = "the camera's picture goes to the model; watching it live needs https";
  const zone = h("label", { class: "zone", for: "taken" }, h("b", {}, "Take a picture"), h("span", {}, words));
  return h("div", {}, chooser, zone);
}

function live(look, put) {
  const video = h("video", { playsinline: true, muted: true, "aria-label": "camera" });
  const answer = h("div", { class: "answer-place" });
  const keep = h("button", { type: "button", disabled: true }, "Keep this one");
  const told = h("p", { class: "note" }, "asking for the camera …");
  const place = h("div", { class: "beside" }, h("div", {}, video, h("div", { class: "tools" }, keep), told), answer);
  let on = true;
  let latest = null;
  keep.addEventListener("click", () => latest && put(latest));
  place.addEventListener("left", () => {
    on = false;
    video.srcObject?.getTracks().forEach((track) => track.stop());
  });
  watch();
  return place;

  async function watch() {
    try {
      const wanted = { video: { facingMode: "environment" }, audio: false };
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      video.srcObject = stream;
      if (!on) return stream.getTracks().forEach((track) => track.stop());
      await video.play();
    } catch (error) {
      told.textContent = `there is no camera to be had: ${error.message}`;
      return;
    }
    told.textContent = "";
    while (on) {
      const blob = await frame(video);
      const made = await look(blob, "camera");
      if (!on) return;
      answer.replaceChildren(made);
      latest = made;
      keep.disabled = false;
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }
}

/** What a video shows now, as a JPEG. */
export function frame(video) {
  const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

/** A button that opens the camera, and a place in which it is seen, with a button that takes a picture: `take(blob)` has
 * each, `tell(words)` why there is none. */
export function shooting(take, tell) {
  let video = null;
  const button = h("button", { type: "button", onclick: () => (video ? close() : open()) }, "camera …");
  const element = h("div", { class: "camera" });
  return { button, element };

  async function open() {
    const own = h("video", { playsinline: true, muted: true, "aria-label": "camera" });
    try {
      own.srcObject = await navigator.mediaDevices.getUserMedia({ video: true, audio: false });
    } catch (error) {
      return tell(`There is no camera to be had: ${error.message}`);
    }
    video = own;
    button.textContent = "close the camera";
    element.replaceChildren(own, h("button", { type: "button", onclick: async () => take(await frame(own)) }, "take a picture"));
    await own.play();
  }

  function close() {
    video.srcObject.getTracks().forEach((track) => track.stop());
    video = null;
    button.textContent = "camera …";
    element.replaceChildren();
  }
}
