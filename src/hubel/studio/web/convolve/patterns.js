// Inputs that have a name, pictures in few pixels, and numbers that are typed: rows of numbers with / between them,
// channels with // between.

import { h } from "hubel/view/dom";
import { bitmapOf } from "hubel/view/picture";
import { seen } from "hubel/studio/usable";

const DRAWN = {
  seven: "000000000/011111100/000000100/000001000/000010000/000100000/000100000/000100000/000000000",
  cross: "000010000/000010000/000010000/000010000/111111111/000010000/000010000/000010000/000010000",
  edge: "000011111/000011111/000011111/000011111/000011111/000011111/000011111/000011111/000011111",
  corner: "000000000/000000000/000000000/000111111/000111111/000111111/000111111/000111111/000111111",
  diagonal: "100000000/010000000/001000000/000100000/000010000/000001000/000000100/000000010/000000001",
  dot: "0000000/0000000/0000000/0001000/0000000/0000000/0000000",
};
const MOST = 24; // rows and columns

export const NAMES = [...Object.keys(DRAWN), "ramp", "noise"];

/** The planes of a name: of further channels turned, and turned over. */
export function pattern(name, channels) {
  const first = name === "ramp" ? square(8, (row, column) => row + column) : name === "noise" ? noise(8) : DRAWN[name].split("/").map((line) => [...line].map(Number));
  const turned = first[0].map((_, column) => first.map((line) => line[column]));
  return [first, turned, first.map((line) => [...line].reverse())].slice(0, channels);
}

/** A picture file in few and large pixels from 0 to 10: grey for one channel, else red, green and blue. Raises where the
 *  browser cannot read it. */
export async function pixels(file, channels) {
  const bitmap = await bitmapOf(file);
  const scale = 14 / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width, bitmap.height].map((each) => Math.max(3, Math.round(each * scale)));
  const drawing = h("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(bitmap, 0, 0, width, height);
  const { data } = drawing.getImageData(0, 0, width, height);
  const rows = (of) => Array.from({ length: height }, (_, row) => Array.from({ length: width }, (__, column) => Math.round(of(4 * (row * width + column)) / 25.5)));
  return channels === 1 ? [rows((i) => 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2])] : [0, 1, 2].slice(0, channels).map((channel) => rows((i) => data[i + channel]));
}

/** The planes that a text stands for, lists of lists in brackets too; {wrong} where it stands for none. */
export function read(text, least = 1) {
  const plain = text.replace(/\]\s*\]\s*,?\s*\[\s*\[/g, "//").replace(/\]\s*,?\s*\[/g, "/").replace(/[[\]]/g, " ").trim();
  const words = plain.split(/\s*\/\/\s*|\n\s*\n/).map((plane) => plane.trim().split(/\s*[/;\n]\s*/).map((line) => line.trim().split(/[\s,]+/)));
  const planes = words.map((plane) => plane.map((line) => line.map(number)));
  const [rows, columns] = [planes[0].length, planes[0][0].length];
  const strange = words.flat(2).find((word) => Number.isNaN(number(word)));
  if (strange !== undefined) return { wrong: `expected numbers, such as 0 1 0 / 1 -4 1 / 0 1 0, received ${strange ? seen(strange, 40) : "nothing where one belongs"}` };
  if (planes.some((plane) => plane.length !== rows || plane.some((line) => line.length !== columns))) return { wrong: "expected rows of one length, and as many in each channel" };
  if (rows > MOST || columns > MOST) return { wrong: `expected at most ${MOST} rows and columns, received ${rows}×${columns}` };
  if (planes.length > 3) return { wrong: `expected at most 3 channels, received ${planes.length}` };
  if (rows < least || columns < least) return { wrong: `expected at least ${least}×${least} numbers` };
  return { planes };
}

/** Numbers as they are typed. */
export function written(planes, digits = 4) {
  return planes.map((plane) => plane.map((line) => line.map((value) => short(value, digits)).join(" ")).join(" / ")).join(" // ");
}

/** A number in few digits. */
export function short(value, digits = 3) {
  const found = Number(value.toFixed(digits));
  return (Object.is(found, -0) ? "0" : String(found)).replace("-", "−");
}

function number(word) {
  const [over, under = "1"] = word.replace("−", "-").split("÷").join("/").split("/");
  return over === "" ? NaN : Number(over) / Number(under);
}

function square(size, of) {
  return Array.from({ length: size }, (_, row) => Array.from({ length: size }, (__, column) => of(row, column)));
}

/** Whole numbers from 0 to 9 that look drawn, the same each time. */
function noise(size) {
  let state = 7;
  return square(size, () => (state = (state * 1103515245 + 12345) % 2147483648) % 10);
}
