// The microphone: while it records, what was heard last is looked at again and again; at its end the loudest stretch.

import { h } from "hubel/view/dom";
import { secondsSeen } from "hubel/view/sound/shown";
import { writtenWave } from "hubel/view/sound/wave";

const PAUSE = 300; // ms between an answer and the next look
const LONGEST = 60; // seconds that are kept
const CHUNK = 4096; // samples that come at once
const NONE = "A browser gives a page the microphone over https or on this machine alone; choose a WAV file instead.";

/** Buttons that record. `look(blob, name)` gives a card of what the model says of a WAV file; `put(card)` keeps one. */
export function makeMicrophone(rules, look, put) {
  if (!navigator.mediaDevices?.getUserMedia) return h("p", { class: "note" }, NONE);
  const seconds = secondsSeen(rules);
  const answer = h("div", { class: "answer-place" });
  const told = h("p", { class: "note", "aria-live": "polite" }, `Records until it is stopped; the loudest ${seconds.toFixed(2)} s are kept.`);
  const button = h("button", { type: "button", onclick: () => (recording ? stop(true) : start()) }, "Record");
  const place = h("div", { class: "beside" }, h("div", {}, h("div", { class: "tools" }, button), told), answer);
  let recording = null;
  place.addEventListener("left", () => stop(false));
  return place;

  async function start() {
    button.disabled = true;
    told.textContent = "asking for the microphone …";
    try {
      recording = await recorder();
    } catch (error) {
      told.textContent = `there is no microphone to be had: ${error.message}`;
      return;
    } finally {
      button.disabled = false;
    }
    button.textContent = "Stop";
    watch(recording);
  }

  async function watch(own) {
    while (recording === own) {
      const { samples, rate } = own.heard();
      told.textContent = `listening, ${(samples.length / rate).toFixed(1)} s`;
      if (samples.length >= seconds * rate) {
        const made = await look(writtenWave(samples.slice(-Math.round(seconds * rate)), rate), "microphone");
        if (recording !== own) return;
        forget(answer);
        answer.replaceChildren(made);
      }
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }

  async function stop(keeps) {
    if (!recording) return;
    const { samples, rate } = recording.heard();
    recording.close();
    recording = null;
    button.textContent = "Record";
    forget(answer);
    answer.replaceChildren();
    if (!keeps) return;
    if (!samples.length) told.textContent = "nothing was heard: it was stopped before the first samples came";
    else {
      const kept = loudest(samples, Math.round(seconds * rate));
      const [some, all] = [kept, samples].map(({ length }) => `${(length / rate).toFixed(2)} s`);
      told.textContent = some === all ? `${all} were recorded` : `${all} were recorded, the loudest ${some} are kept`;
      put(await look(writtenWave(kept, rate), `microphone, ${some}`));
    }
  }
}

/** What records from now on: `heard()` gives {samples, rate} of its last minute, `close()` ends it. */
async function recorder() {
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: plain, video: false });
  const context = new AudioContext();
  const source = context.createMediaStreamSource(stream);
  const taking = context.createScriptProcessor(CHUNK, 1, 1); // a worklet would be a script of its own
  const chunks = [];
  taking.onaudioprocess = (event) => {
    chunks.push(event.inputBuffer.getChannelData(0).slice());
    if (chunks.length * CHUNK > LONGEST * context.sampleRate) chunks.shift();
  };
  source.connect(taking);
  taking.connect(context.destination); // which hears nothing: no output is written
  await context.resume();
  return {
    heard() {
      const samples = new Float32Array(chunks.length * CHUNK);
      chunks.forEach((chunk, i) => samples.set(chunk, i * CHUNK));
      return { samples, rate: context.sampleRate };
    },
    close() {
      taking.disconnect();
      stream.getTracks().forEach((track) => track.stop());
      context.close();
    },
  };
}

function loudest(samples, length) {
  if (samples.length <= length) return samples;
  let [sum, most, best] = [0, 0, 0];
  for (let i = 0; i < samples.length; i++) {
    sum += samples[i] ** 2 - (i < length ? 0 : samples[i - length] ** 2);
    if (i >= length - 1 && sum > most) [most, best] = [sum, i - length + 1];
  }
  return samples.slice(best, best + length);
}

function forget(place) {
  for (const player of place.querySelectorAll("audio")) {
    const revoke = () => URL.revokeObjectURL(player.src);
    if (player.readyState) revoke();
    else player.addEventListener("loadedmetadata", revoke); // what is still being read may not go
  }
}
