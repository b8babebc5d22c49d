// A picture's file as pixels, upright: browsers turn JPEG, PNG and AVIF as their EXIF says, and not all of them WebP.

const TURNED = 0x0112; // EXIF's orientation
const WAYS = {
  2: (width) => [-1, 0, 0, 1, width, 0],
  3: (width, height) => [-1, 0, 0, -1, width, height],
  4: (width, height) => [1, 0, 0, -1, 0, height],
  5: () => [0, 1, 1, 0, 0, 0],
  6: (width, height) => [0, 1, -1, 0, height, 0],
  7: (width, height) => [0, -1, -1, 0, height, width],
  8: (width) => [0, -1, 1, 0, 0, width],
};

const word = (view, at) => String.fromCharCode(...[0, 1, 2, 3].map((step) => view.getUint8(at + step)));

/** EXIF's orientation in its block from `start` on; 1 where it has none. */
function orientationIn(view, start) {
  const at = word(view, start) === "Exif" ? start + 6 : start;
  const little = view.getUint16(at) === 0x4949;
  const list = at + view.getUint32(at + 4, little);
  for (let entry = 0; entry < view.getUint16(list, little); entry++) {
    const place = list + 2 + 12 * entry;
    if (view.getUint16(place, little) === TURNED) return view.getUint16(place + 8, little);
  }
  return 1;
}

/** The orientation of a WebP file, and 1 of others. */
async function orientationOf(file) {
  const head = new DataView(await file.slice(0, 12).arrayBuffer());
  if (head.byteLength < 12 || word(head, 0) !== "RIFF" || word(head, 8) !== "WEBP") return 1;
  const view = new DataView(await file.arrayBuffer());
  try {
    for (let at = 12; at + 8 <= view.byteLength; ) {
      const size = view.getUint32(at + 4, true);
      if (word(view, at) === "EXIF") return orientationIn(view, at + 8);
      at += 8 + size + (size % 2);
    }
  } catch {} // a damaged block says nothing of the pixels
  return 1;
}

/** read(file): a picture's file as one that browsers read; null where there is nobody to ask for it. */
export const elsewhere = { read: null };

/** A file's picture, turned as its EXIF says. Rejects, with the reason, where it cannot be read. */
export async function bitmapOf(file, options = {}) {
  try {
    return await ownBitmap(file, options);
  } catch {
    if (!elsewhere.read) throw Error("it is damaged, or of a form that this browser does not know; PNG and JPEG it knows");
    return createImageBitmap(await elsewhere.read(file), options);
  }
}

async function ownBitmap(file, options) {
  const way = WAYS[await orientationOf(file)];
  if (!way) return createImageBitmap(file, options);
  const image = await createImageBitmap(file, { ...options, imageOrientation: "none" });
  const matrix = way(image.width, image.height);
  const sides = matrix[0] ? [image.width, image.height] : [image.height, image.width];
  const canvas = Object.assign(document.createElement("canvas"), { width: sides[0], height: sides[1] });
  const context = canvas.getContext("2d");
  context.setTransform(...matrix);
  context.drawImage(image, 0, 0);
  image.close();
  return createImageBitmap(canvas, options);
}
