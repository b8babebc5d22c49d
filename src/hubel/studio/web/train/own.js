// Data by hand: a folder with one folder a class, an archive, pictures, the camera; sent piece by piece and counted.

import { count, h } from "hubel/view/dom";
import { bitmapOf } from "hubel/view/picture";
import { shooting } from "hubel/view/ways/camera";
import { ask } from "hubel/studio/asking";
import { seen } from "hubel/studio/usable";

const PIECE = 1_200_000; // bytes of a file in one question
const [MOST, NAMED] = [50_000, 3]; // files at a time; of those that are left out
const [FEW, SMALL] = [6, 44]; // pictures shown of a class, and their pixels
const PICTURE = /\.(png|jpe?g|gif|webp|bmp)$/i; // which every browser reads
const PART = /^(train|training|val|valid|validation|dev|test|testing|eval)$/i; // of the data, not a folder around classes
const ARCHIVE = /\.(zip|tar|tgz|tbz2|txz|tar\.\w+|npz|csv|parquet)$/i;

/** The pane; use(path, unread): is told where the data lie, once they do, and how many of them cannot be read. */
export class Own {
  constructor(use) {
    this.use = use;
    this.set = h("input", { value: "pictures", autocomplete: "off", "aria-label": "call the set", onchange: ({ target }) => plainName(target) });
    this.class = h("input", { placeholder: "such as cats", autocomplete: "off", "aria-label": "class of single pictures" });
    this.told = h("p", { class: "note", role: "status" });
    const chooser = (words, id, more) => {
      const input = h("input", { type: "file", multiple: true, class: "hidden", id, onchange: () => this.take([...input.files].map((file) => [file.webkitRelativePath || file.name, file])).then(() => { input.value = ""; }), ...more });
      return [input, h("label", { class: "button", for: id }, words)];
    };
    this.shown = new Map(); // by set and class: small pictures of what was given here
    this.thumbs = h("div", { class: "thumbs" });
    this.line = Promise.resolve(); // what is sent, one after the other
    let shots = 0;
    const camera = shooting((blob) => this.take([[`camera-${Date.now()}-${(shots += 1)}.jpg`, blob]]), (words) => (this.told.textContent = words));
    this.stopping = h("button", { type: "button", hidden: true, onclick: () => { this.stopped = true; } }, "stop");
    const field = (words, input) => h("label", {}, h("span", {}, words), input);
    this.zone = h("div", { class: "dropzone" }, h("p", {}, "Drop a folder with one folder a class, a zip, or pictures."),
      h("p", { class: "bar" }, chooser("a folder …", "own-folder", { webkitdirectory: true }), chooser("files …", "own-files"), camera.button, this.stopping));
    this.element = h("details", { class: "own" }, h("summary", {}, "your own pictures"),
      h("div", { class: "short" }, field("call the set", this.set), field("class of single pictures", this.class)), this.zone, camera.element, this.told, this.thumbs);
    this.zone.addEventListener("dragover", (event) => event.preventDefault());
    this.zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      const files = [];
      for (const entry of entries) await walked(entry, files);
      this.take(files);
    });
  }

  /** Send files, [path, file] each, once those are sent that came before. */
  take(files) {
    const set = plainName(this.set);
    this.line = this.line.catch(() => {}).then(() => this.sendAll(set, files));
    return this.line;
  }

  async sendAll(set, files) {
    if (!files.length) {
      this.told.textContent = "There is no file in it.";
      return;
    }
    const known = await ask("own", { name: set });
    if (known.error) {
      this.told.textContent = known.error;
      return;
    }
    this.stopped = false;
    this.stopping.hidden = false;
    const isWrapped = holdsClasses(files.map(([path]) => path));
    const left = files.slice(MOST).map(([path]) => `${path} (more than ${count(MOST)} at a time)`);
    let sent = 0;
    for (const [path, file] of files.slice(0, MOST)) {
      if (this.stopped) break;
      const place = this.placed(path, isWrapped);
      const picture = PICTURE.test(path) ? await bitmapOf(file).catch(() => null) : null; // to show it; the server knows what a training reads
      const wrong = await this.send(set, place, file);
      if (wrong) left.push(wrong);
      else {
        sent += 1;
        if (picture) this.keep(set, place, picture);
      }
      picture?.close();
      this.told.textContent = `${count(sent)} of ${count(files.length)} files …`;
    }
    this.stopping.hidden = true;
    await this.tell(set, left, files.length - sent - left.length);
  }

  /** Where a file belongs in the set: a folder a class; of single pictures the class that is named. */
  placed(path, isWrapped) {
    const parts = path.split("/");
    if (isWrapped) return parts.slice(1).join("/");
    if (parts.length > 1 || ARCHIVE.test(path)) return path;
    const name = this.class.value.trim().replace(/[\\/]+/g, "-").replace(/^\.+/, ""); // one folder
    return name ? `${name}/${path}` : null;
  }

  /** What is wrong with a file; null once it is sent. */
  async send(set, place, file) {
    if (!place) return `${file.name} (a single picture: name its class first)`;
    try {
      for (let at = 0; at === 0 || at < file.size; at += PIECE) {
        const content = await base64(file.slice(at, at + PIECE));
        const found = await ask("put", { name: set, path: place, at, size: file.size, content });
        if (found.error) return found.error;
        if (found.there) return null;
      }
    } catch (error) {
      return `${place} (${error.message})`;
    }
    return null;
  }

  /** Keep a small picture of one that was sent, of the first few of its class. */
  keep(set, place, picture) {
    if (!place.includes("/")) return; // of no class
    const key = `${set}\0${place.split("/").slice(0, -1).join("/")}`;
    const kept = this.shown.get(key) ?? [];
    if (kept.length >= FEW) return;
    const scale = SMALL / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width, picture.height].map((each) => Math.max(1, Math.round(each * scale)));
    const canvas = h("canvas", { width, height });
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = scale < 1;
    pen.drawImage(picture, 0, 0, width, height);
    this.shown.set(key, [...kept, canvas]);
  }

  async tell(set, left, stopped) {
    const found = await ask("own", { name: set });
    const folders = (found.folders ?? []).map(([name, number]) => `${name === "." ? "files" : name} ${count(number)}`).join(", ");
    const unread = found.left ?? [];
    const others = found.others ?? [];
    const lines = [found.error ?? `${set}: ${folders || "nothing yet"}${found.more ? ` and ${found.more} more folders` : ""}`];
    if (left.length) lines.push(listed(`left out ${count(left.length)}`, left));
    if (unread.length) lines.push(listed(`cannot be read: ${count(unread.length)}, left out by the box below, which is ticked for that (a training refuses them without it)`, unread));
    if (found.left && found.tried < total(found.folders) + unread.length) lines.push(`tried to be read: ${count(found.tried)}, evenly`);
    if (others.length) lines.push(`beside them, no pictures and of no class: ${others.slice(0, NAMED).join(", ")}${others.length + found.moreOthers > NAMED ? ` and ${count(others.length + found.moreOthers - NAMED)} more` : ""}`);
    lines.push(...(found.notes ?? []));
    if (stopped) lines.push(`not sent: ${count(stopped)}`);
    this.told.replaceChildren(...lines.map((line) => (typeof line === "string" ? h("span", {}, line) : line)));
    for (const [name, src] of found.shown ?? []) {
      const kept = this.shown.get(`${set}\0${name}`) ?? [];
      if (kept.length < FEW) this.shown.set(`${set}\0${name}`, [...kept, h("img", { src, alt: "" })]);
    }
    this.thumbs.replaceChildren(...[...this.shown].filter(([key]) => key.startsWith(`${set}\0`)).sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, pictures]) =>
      h("p", {}, h("span", {}, key.slice(set.length + 1)), pictures)));
    if (found.files) this.use(found.path, unread.length);
  }
}

/** The first few of what is listed; all of it where somebody opens it. */
function listed(words, paths) {
  const shown = paths.map((each) => seen(each, 120)).sort(new Intl.Collator("en", { numeric: true }).compare);
  if (paths.length <= NAMED) return h("span", {}, `${words}: ${shown.join("; ")}`);
  return h("details", {}, h("summary", {}, `${words}: ${shown.slice(0, NAMED).join("; ")} and ${count(paths.length - NAMED)} more …`), h("ul", {}, shown.map((each) => h("li", {}, each))));
}

const total = (folders) => folders.reduce((sum, [, number]) => sum + number, 0);

/** Whether one folder was given that holds the classes' folders, and no part of the data by its name: then it goes. */
function holdsClasses(paths) {
  const [first, ...others] = new Set(paths.map((path) => path.split("/")[0]));
  return !others.length && !PART.test(first) && 2 * paths.filter((path) => path.split("/").length > 2).length > paths.length;
}

/** A name as folders may be called, written into its field too: "número 1" is "numero-1". */
export function plainName(field) {
  const plain = field.value.normalize("NFKD").replace(/\p{M}/gu, "").replace(/[^A-Za-z0-9._+-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "");
  if (plain) field.value = plain; // else the server says which letters it takes
  return field.value.trim();
}

/** All files below an entry that was dropped, with their paths. */
async function walked(entry, files) {
  if (files.length > MOST) return;
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) files.push([path, await new Promise((done, failed) => entry.file(done, failed))]);
  else {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // a hundred at a time
      if (!some.length) return;
      for (const each of some) await walked(each, files);
    }
  }
}

function base64(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.split(",")[1] ?? "");
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}
