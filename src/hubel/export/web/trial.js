// A page's runner without a page, for Node: pictures (files of sounds, as pictures a byte high) come on standard input,
// what it says of them goes to standard output.

import { makeRunner } from "hubel/export/runner";
import { soundSeen } from "hubel/view/sound/seen";

/** path: of a JSON file with what the page holds, by id. asked: "shares" or "scores". Integers have four bytes. */
async function answerAll(path, asked) {
  const { readFileSync, readSync, writeSync } = await import("node:fs");
  const held = JSON.parse(readFileSync(path, "utf8"));
  globalThis.document = { getElementById: (id) => ({ textContent: JSON.stringify(held[id]) }) };

  function bytes(count) {
    const found = new Uint8ClampedArray(count);
    for (let at = 0, more; at < count; at += more) {
      more = readSync(0, found, at, count - at);
      if (!more) process.exit();
    }
    return found;
  }

  function write(array) {
    const content = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let at = 0; at < content.length; ) at += writeSync(1, content, at);
  }

  const runner = await makeRunner();
  const rules = runner.packed.preprocessing;
  const given = (height, width) =>
    rules.fit === "time" ? soundSeen(bytes(height * width), rules) : { width, height, data: bytes(3 * height * width) };
  const version = new TextEncoder().encode(` ${process.versions.node}`);
  write(Uint32Array.of(version.length));
  write(version);
  for (;;) {
    const [height, width] = new Uint32Array(bytes(8).buffer);
    const found = await runner[asked](given(height, width));
    const { values, rows, columns, classes } = asked === "shares" ? alone(found) : found;
    write(Uint32Array.of(rows, columns, classes));
    write(Float32Array.from(values));
  }
}

const alone = (values) => ({ values, rows: 1, columns: 1, classes: values.length });

answerAll(...process.argv.slice(2));
