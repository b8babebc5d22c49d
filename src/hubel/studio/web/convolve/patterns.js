// Inputs that have a name, pictures in few pixels, and numbers that are typed: rows with / between them, channels with //.

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
const NUMBER = /^[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?(\/\d{1,40})?$/;

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

/** The planes that a text stands for, as `hubel convolve` reads it, lists of lists in brackets too; {wrong} where it
 * stands for none, and where a comma may as well be a decimal's. */
export function read(text, least = 1) {
  const plain = text.replace(/[−–]/g, "-").trim();
  const comma = plain.includes("[") ? null : /\d+,\d+/.exec(plain)?.[0];
  if (comma && parsed(plain.replace(/(\d),(?=\d)/g, "$1.")).planes) {
    return { wrong: `expected a decimal point, or a blank after a comma between numbers, received ${seen(comma)}; write ${seen(comma.replace(",", "."))}, or ${seen(comma.replace(",", ", "))}` };
  }
  const { planes, wrong } = parsed(plain);
  if (wrong) return { wrong };
  const [rows, columns] = [planes[0].length, planes[0][0].length];
  if (rows > MOST || columns > MOST) return { wrong: `expected at most ${MOST} rows and columns, received ${rows}×${columns}` };
  if (planes.length > 3) return { wrong: `expected at most 3 channels, received ${planes.length}` };
  if (rows < least || columns < least) return { wrong: `expected at least ${least}×${least} numbers` };
  return { planes };
}

/** Planes of rows of numbers, or {wrong}. */
function parsed(plain) {
  const words = plain.split(/\||\/\/|\n\s*\n|\]\s*\]\s*,?\s*\[\s*\[/).map((part) =>
    rowsOf(part.replace(/\]\s*,?/g, ";").replace(/[[,]/g, " ")).map(wordsOf).filter((row) => row.length));
  if (words.some((plane) => !plane.length)) return { wrong: "expected numbers, such as 0 1 0 / 1 -4 1 / 0 1 0, received nothing where some belong" };
  const wrong = words.flat(2).map((word) => number(word).wrong).find(Boolean);
  if (wrong) return { wrong };
  const [rows, columns] = [words[0].length, words[0][0].length];
  if (words.some((plane) => plane.length !== rows || plane.some((row) => row.length !== columns))) return { wrong: "expected rows of one length, and as many in each channel" };
  return { planes: words.map((plane) => plane.map((row) => row.map((word) => number(word).value))) };
}

/** A slash between blanks ends a row, one between digits is a fraction's, unless they are rows after all: 1 0/0 1. */
function rowsOf(text) {
  const rows = text.split(/(?:(?<=\s)|^)\/|\/(?=\s|$)|;|\n/);
  if (rows.length > 1 || !text.includes("/")) return rows;
  const tight = text.split("/");
  return tight.every((row) => wordsOf(row).length > 1) || !wordsOf(text).every((word) => NUMBER.test(word)) ? tight : rows;
}

function wordsOf(row) {
  return row.split(/\s+/).filter(Boolean);
}

/** Numbers as they are typed. */
export function written(planes, digits = 4) {
  return planes.map((plane) => plane.map((line) => line.map((value) => short(value, digits)).join(" ")).join(" / ")).join(" // ");
}

/** What a word says, {value} or {wrong}: 3, −1.5, 2e3 or 1/9, as `hubel convolve` reads numbers. */
export function number(word) {
  const plain = word.trim().replace(/[−–]/g, "-");
  if (NUMBER.test(plain)) {
    const [over, under = "1"] = plain.split("/");
    return Number(under) ? { value: Number(over) / Number(under) } : { wrong: `expected a fraction, received ${seen(word)}, which divides by 0` };
  }
  const point = plain.replace(",", ".");
  const remedy = NUMBER.test(point) ? `; write ${seen(point.replace("-", "−"))}` : /^[^eE]+[eE][+-]?\d{3,}$/.test(plain) ? ", whose exponent has more than two digits" : "";
  return { wrong: `expected a number such as 3, −1.5 or 1/9, received ${plain ? seen(word.trim()) : "nothing"}${remedy}` };
}

/** A number in few digits. */
export function short(value, digits = 3) {
  const found = Number(value.toFixed(digits));
  return (Object.is(found, -0) ? "0" : String(found)).replace("-", "−");
}

function square(size, of) {
  return Array.from({ length: size }, (_, row) => Array.from({ length: size }, (__, column) => of(row, column)));
}

/** Whole numbers from 0 to 9 that look drawn, the same each time. */
function noise(size) {
  let state = 7;
  return square(size, () => (state = (state * 1103515245 + 12345) % 2147483648) % 10);
}
