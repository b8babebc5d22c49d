// WAV files: read as `hubel.data.decode.sound` reads them, in the same words where they cannot be; and written.

const LONGEST = 60; // seconds of a file that are heard, the middle ones
const FULL = 0.999;
const CLIPPED = 0.002;
const PASSED = 0.3; // share of a sound, from which it is said that it is not heard
const STREAMED = 0x7fff0000;
const [PCM, FLOAT, EXTENSIBLE] = [1, 3, 0xfffe];
const KINDS = { 2: "ADPCM", 6: "A-law", 7: "μ-law", 0x55: "MP3" };
const NUMBERS = { 4: (view, at) => view.getFloat32(at, true), 8: (view, at) => view.getFloat64(at, true) };
const WHOLE = {
  1: (view, at) => (view.getUint8(at) - 128) / 128,
  2: (view, at) => view.getInt16(at, true) / 2 ** 15,
  3: (view, at) => ((view.getUint8(at) << 8) | (view.getUint8(at + 1) << 16) | (view.getInt8(at + 2) << 24)) / 2 ** 31,
  4: (view, at) => view.getInt32(at, true) / 2 ** 31,
};

/** What a file's bytes hold: {samples (of all channels the mean), rate, channels, clipped, missing}. Throws an Error with
 * the reason, as the end of a sentence that begins with the file's name. */
export function readWave(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const letters = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (letters(8) !== "WAVE") throw Error("is no WAV file; this page reads no others, hubel predict does (FLAC, Ogg, MP3)");
  let [kind, channels, rate, bits, start, length, missing] = [0, 0, 0, 0, -1, 0, 0];
  for (let place = 12; place + 8 <= bytes.length && start < 0; ) {
    const size = view.getUint32(place + 4, true);
    const there = Math.min(size, bytes.length - place - 8);
    if (letters(place) === "fmt ") {
      if (there < 16) throw Error("is a WAV file whose format is cut off");
      const short = (at) => view.getUint16(place + 8 + at, true);
      [kind, channels, rate, bits] = [short(0), short(2), view.getUint32(place + 12, true), short(14)];
      if (kind === EXTENSIBLE && there >= 26) kind = short(24);
    } else if (letters(place) === "data") {
      [start, length] = [place + 8, there];
      missing = there < size && size < STREAMED ? 1 - there / size : 0;
    }
    place += 8 + size + (size % 2);
  }
  if (start < 0) throw Error("is a WAV file without samples");
  if (!channels && !bits) throw Error("is a WAV file that does not say its format");
  if (!(channels >= 1 && channels <= 64)) throw Error(`is a WAV file of ${channels} channels, expected 1 to 64`);
  const number = (kind === FLOAT && NUMBERS[bits / 8]) || (kind === PCM && WHOLE[bits / 8]);
  if (!number) {
    const named = KINDS[kind] ?? `kind 0x${kind.toString(16)}`;
    throw Error(`is a WAV file of ${named} with ${bits} bits; PCM of 8, 16, 24 or 32 bits and floating point can be read`);
  }
  const wide = bits / 8;
  const samples = new Float32Array(Math.floor(length / (channels * wide)));
  let full = 0;
  for (let i = 0, at = start; i < samples.length; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++, at += wide) {
      const value = Math.fround(number(view, at));
      if (!Number.isFinite(value)) throw Error("has samples that are no numbers (NaN or infinite)");
      full += Math.abs(value) >= Math.fround(FULL);
      sum = Math.fround(sum + value);
    }
    samples[i] = sum / channels;
  }
  if (!samples.length) throw Error("is a sound without a sample");
  if (!(rate >= 1000 && rate <= 1e6)) {
    throw Error(`says ${rate.toLocaleString("en-US")} samples a second, expected 1,000 to 1,000,000`);
  }
  return { samples, rate, channels, clipped: full / (samples.length * channels), missing };
}

/** What is to be said of a sound that is heard at a rate, for so many seconds: what is done to it, and what is wrong with
 * it. */
export function notesOf({ samples, rate, channels, clipped, missing }, wanted, shown) {
  const seconds = Math.min(LONGEST, shown);
  const long = samples.length / rate;
  const lacks = missing >= 0.995 ? "more than 99" : Math.round(100 * missing);
  const isSilent = samples.every((value) => value === 0);
  const mixed = { 1: "mono", 2: "stereo" }[channels] ?? `${channels} channels`;
  const recorded = `${rate.toLocaleString("en-US")} samples a second, ${mixed}`;
  const heard = `${wanted.toLocaleString("en-US")}${channels > 1 ? ", mono" : ""}`;
  return [
    ...(rate !== wanted || channels > 1 ? [`recorded at ${recorded}, heard at ${heard}`] : []),
    ...(1 - seconds / long > PASSED ? [`only the middle ${seconds.toFixed(2)} s of ${long.toFixed(2)} s are heard`] : []),
    ...(missing ? [`cut off: ${lacks}% of it is not there`] : []),
    ...(isSilent ? [`silent: every sample is nought${channels > 1 ? " once its channels are mixed into one" : ""}`] : []),
    ...(clipped > CLIPPED && !isSilent ? ["clipped: recorded too loud"] : []),
  ];
}

/** The samples of a sound's middle minute. */
export function middle({ samples, rate }) {
  const most = LONGEST * rate;
  const start = Math.max(0, Math.floor((samples.length - most) / 2));
  return samples.subarray(start, start + most);
}

/** A WAV file of samples, 16 bits. */
export function writtenWave(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const put = (at, words) => [...words].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  put(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  put(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  put(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.max(-32768, Math.min(32767, Math.round(32768 * value))), true));
  return new Blob([view.buffer], { type: "audio/wav" });
}
