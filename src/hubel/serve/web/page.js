// The service's page: pictures that are chosen or dropped, the camera, a drawing; and what a model says of them.

import { h } from "hubel/view/dom";
import { makePad } from "hubel/view/live/pad";
import { card } from "hubel/serve/answer";
import { makeCamera } from "hubel/serve/camera";
import { ask, forget, models, remember } from "hubel/serve/ask";

const KEPT = 24; // answers that stay on the page
const TOP = 5;
const place = document.getElementById("service");
const shown = h("div", { class: "answers", "aria-live": "polite" });

/** Ask the chosen model about a file or a blob; show what it says, or why it says nothing. */
async function answered(model, content, name) {
  try {
    const { predictions } = await ask(model, content, name, TOP);
    return await card(content, predictions[0], `${name} · ${model.name}`);
  } catch (error) {
    return card(content, { image: name, error: error.message }, name);
  }
}

function put(made) {
  shown.prepend(made);
  while (shown.children.length > KEPT) shown.lastChild.remove();
}

function filesPanel(chosen) {
  const chooser = h("input", { type: "file", accept: "image/*", multiple: true, class: "hidden", id: "files" });
  const taken = async (files) => {
    for (const file of files) put(await answered(chosen(), file, file.name)); // one after the other: no crowd at the door
  };
  chooser.addEventListener("change", async () => {
    await taken([...chooser.files]);
    chooser.value = "";
  });
  const zone = h(
    "label",
    { class: "zone", for: "files" },
    h("b", {}, "Choose pictures"),
    h("span", {}, "or drop them here, or paste one"),
  );
  for (const name of ["dragover", "dragenter"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    taken([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => taken([...event.clipboardData.files]));
  return h("div", {}, chooser, zone);
}

/** A pad whose drawing is looked at a moment after each stroke. */
function drawPanel(model, chosen) {
  const answer = h("div", { class: "answer-place" });
  let waiting = null;
  let busy = false;
  async function look() {
    if (busy) return later();
    busy = true;
    const { width, height, data } = pad.pixels();
    const canvas = h("canvas", { width, height });
    canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done));
    answer.replaceChildren(await answered(chosen(), blob, "drawing"));
    busy = false;
  }
  function later() {
    clearTimeout(waiting);
    waiting = setTimeout(look, 120);
  }
  const tell = (what) => (what === "clear" ? answer.replaceChildren() : later());
  const pad = makePad({ preprocessing: model.preprocessing }, [], tell, false);
  return h("div", { class: "beside" }, h("div", { class: "live" }, pad.element), answer);
}

function panels(model, chosen) {
  const made = {
    Pictures: () => filesPanel(chosen),
    Camera: () => makeCamera((blob, name) => answered(chosen(), blob, name), put),
    Draw: () => drawPanel(model, chosen),
  };
  const holder = h("div", { class: "holder" });
  const buttons = Object.entries(made).map(([name, make]) => {
    const button = h("button", { type: "button", "aria-pressed": "false" }, name);
    button.addEventListener("click", () => {
      holder.firstElementChild?.dispatchEvent(new Event("left"));
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      holder.replaceChildren(make());
    });
    return button;
  });
  buttons[0].click();
  return [h("div", { class: "ways", role: "group", "aria-label": "how to show a picture" }, buttons), holder];
}

function show(list) {
  const choose = h(
    "select",
    { "aria-label": "model" },
    list.map(({ name }) => h("option", { value: name }, name)),
  );
  const about = h("p", { class: "note" });
  const area = h("div", {});
  const chosen = () => list.find(({ name }) => name === choose.value);
  function change() {
    const model = chosen();
    const names = model.classes.slice(0, 12).join(", ") + (model.classes.length > 12 ? " …" : "");
    about.textContent = `${model.task}: ${names}. Pictures become ${model.input.split(", mean")[0]}.`;
    area.firstElementChild?.nextElementSibling?.firstElementChild?.dispatchEvent(new Event("left"));
    area.replaceChildren(...panels(model, chosen));
  }
  choose.addEventListener("change", change);
  change();
  const head = list.length > 1 ? h("h1", {}, choose) : h("h1", {}, list[0].name);
  place.replaceChildren(head, about, area, shown);
}

function askToken(told) {
  const field = h("input", { type: "password", autocomplete: "off", "aria-label": "token", required: true });
  const form = h("form", { class: "token" }, h("p", {}, told), field, h("button", {}, "Go on"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    remember(field.value.trim());
    begin();
  });
  place.replaceChildren(h("h1", {}, "This service asks for its token"), form);
}

async function begin() {
  try {
    show((await models()).models);
  } catch (error) {
    if (error.reason === "token") {
      forget();
      askToken("It was printed where the service was started.");
    } else place.replaceChildren(h("h1", {}, "The service does not answer"), h("p", {}, error.message));
  }
  document.documentElement.dataset.ready = "yes";
}

begin();
