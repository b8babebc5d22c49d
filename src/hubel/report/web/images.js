// The set's images: thumbnails cut from one sheet, the model's probabilities for each, and a larger view.
import { count, h, percent } from "hubel/view/dom";

const SHOWN = 3; // probabilities told on a card
const PAGE = 48; // cards shown before one asks for more

export const capital = (word) => word[0].toUpperCase() + word.slice(1);

/** Everything about the images of the page, and ways to draw them. */
export function imageSet(data, dialog) {
  const { classes, sheet, example: [one, many] } = data;
  const long = classes.some((name) => name.length > 4) ? "long" : "";
  document.documentElement.style.setProperty("--sheet", `url(${sheet.url})`);

  const all = data.index.map((index, place) => {
    const flat = data.probabilities[place];
    const told = [];
    for (let at = 0; at < flat.length; at += 2) told.push({ name: flat[at], share: flat[at + 1] });
    const label = data.label[place];
    const predicted = data.predicted[place];
    return { index, place, label, predicted, told, right: label === predicted, sure: told[0]?.share ?? 0 };
  });
  const counted = (number) => `${count(number)} ${number === 1 ? one : many}`;
  const set = { classes, all, one, many, counted, name: data.name, confusion: data.confusion, suspects: data.suspects, thumbnail, cards, words };

  function words(image) {
    return `${one} ${count(image.index)}: ${classes[image.label]}, ` + (image.right ? "and" : "but") +
      ` taken for ${classes[image.predicted]} with ${percent(image.sure)}`;
  }

  function thumbnail(image, side, words = "") {
    const scale = side / Math.max(sheet.width, sheet.height);
    const [row, column] = [Math.floor(image.place / sheet.columns), image.place % sheet.columns];
    const style = [
      `width:${sheet.width * scale}px`,
      `height:${sheet.height * scale}px`,
      `background-size:${sheet.columns * sheet.width * scale}px ${sheet.lines * sheet.height * scale}px`,
      `background-position:${-column * sheet.width * scale}px ${-row * sheet.height * scale}px`,
      scale >= 1.5 && sheet.width < 64 ? "image-rendering:pixelated" : "",
    ].join(";");
    return h("span", words ? { class: "thumbnail", style, role: "img", "aria-label": words } : { class: "thumbnail", style });
  }

  function bars(image, most) {
    const shown = image.told.slice(0, most);
    if (!shown.some(({ name }) => name === image.label)) {
      shown.push(image.told.find(({ name }) => name === image.label));
    }
    return h("span", { class: `bars ${long}` }, shown.map(({ name, share }) => {
      const kind = name === image.label ? "is" : name === image.predicted ? "said" : "other";
      return h("span", { class: `probability ${kind}` },
        h("span", { class: "name", title: classes[name] }, classes[name]),
        h("span", { class: "track" }, h("span", { class: "fill", style: `width:${100 * share}%` })),
        h("span", { class: "share" }, percent(share, share < 0.9995 && share >= 0.0995 ? 1 : 2)));
    }));
  }

  function card(image, list) {
    return h("button", {
      type: "button", class: `card ${image.right ? "right" : "wrong"}`, "data-index": image.index,
      onclick: () => open(image, list),
    }, h("span", { class: "hidden" }, `${words(image)}: `), thumbnail(image, 84), bars(image, SHOWN - 1));
  }

  /** Cards of a list of images; after some, a button shows more. */
  function cards(list) {
    const holder = h("div", { class: "cards" });
    const more = h("button", { type: "button", class: "more" });
    let shown = 0;
    const add = () => {
      const next = list.slice(shown, shown + PAGE).map((image) => card(image, list));
      shown += next.length;
      more.before(...next);
      more.hidden = shown >= list.length;
      more.textContent = `show ${count(Math.min(PAGE, list.length - shown))} more of ${count(list.length - shown)}`;
      return next;
    };
    more.addEventListener("click", () => add()[0]?.focus());
    holder.append(more);
    add();
    return holder;
  }

  // into the running model, where the page has one
  function why(image) {
    if (!document.getElementById("live-model")) return null;
    const look = async () => {
      const picture = await cut(image);
      dialog.close();
      const some = sheet.exact ? "" : " The page holds a thumbnail of it, so the answer here may differ a little.";
      document.dispatchEvent(new CustomEvent("lookinto", { detail: { picture, words: `${words(image)}.${some}` } }));
    };
    const question = `Why did it say ${classes[image.predicted]}? Look into the running model`;
    return h("p", {}, h("button", { type: "button", class: "why", onclick: look }, question));
  }

  async function cut(image) {
    const whole = new Image();
    whole.src = sheet.url;
    await whole.decode();
    const picture = h("canvas", { width: sheet.width, height: sheet.height });
    const [row, column] = [Math.floor(image.place / sheet.columns), image.place % sheet.columns];
    picture.getContext("2d").drawImage(whole, -column * sheet.width, -row * sheet.height);
    return picture;
  }

  function open(image, list) {
    const number = list.indexOf(image);
    const go = (step) => () => open(list[number + step], list);
    dialog.replaceChildren(...[
      h("form", { method: "dialog" }, h("button", { class: "close", "aria-label": "close" }, "×")),
      h("h2", { id: "image-title" }, `${capital(one)} ${count(image.index)}${data.name ? ` of ${data.name}` : ""}`),
      h("div", { class: "large" }, thumbnail(image, 252, words(image)), h("div", {},
        h("p", {}, "It is ", h("b", {}, classes[image.label]), image.right ? ", and the model says so." : [
          ", the model says ", h("b", {}, classes[image.predicted]), "."]),
        bars(image, 10))),
      why(image),
      h("p", { class: "steps" },
        h("button", { type: "button", disabled: number === 0, onclick: go(-1) }, "‹ previous"),
        ` ${count(number + 1)} of ${count(list.length)} `,
        h("button", { type: "button", disabled: number === list.length - 1, onclick: go(1) }, "next ›")),
    ].filter(Boolean));
    dialog.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step && list[number + step]) open(list[number + step], list);
    };
    if (!dialog.open) dialog.showModal();
  }

  return set;
}
