// The service's page: pictures that are chosen or dropped, the camera, a drawing; and what a model says of them.

import { h } from "hubel/view/dom";
import { card } from "hubel/view/ways/answer";
import { makeWays } from "hubel/view/ways/ways";
import { soundSeen } from "hubel/view/sound/seen";
import { heardAs } from "hubel/view/sound/shown";
import { ask, forget, models, remember } from "hubel/serve/ask";

const TOP = 5;
const place = document.getElementById("service");
const shown = h("div", { class: "answers", "aria-live": "polite" });

/** Ask the chosen model about a file or a blob; show what it says, or why it says nothing. */
async function answered(model, content, name) {
  try {
    const { predictions } = await ask(model, content, name, TOP);
    const heard = await figureOf(model, content);
    return await card(content, { ...predictions[0], heard }, `${name} · ${model.name}`, model.classes, model.colours);
  } catch (error) {
    return card(content, { image: name, error: error.message }, name);
  }
}

/** A figure of what the network sees of a sound; null of pictures, and where the page cannot read it. */
async function figureOf({ preprocessing }, content) {
  if (preprocessing.fit !== "time") return null;
  try {
    return heardAs(soundSeen(new Uint8Array(await content.arrayBuffer()), preprocessing), preprocessing);
  } catch {
    return null;
  }
}

/** In what form the network sees what is shown to it. */
function seenAs({ preprocessing, input }) {
  if (preprocessing.fit !== "time") return `Pictures become ${input.split(", mean")[0]}.`;
  if (preprocessing.width === 1) return `Sounds are heard as ${preprocessing.height} samples, 16,000 a second.`;
  return `Sounds are seen as spectrograms of ${preprocessing.height} bands and ${preprocessing.width} steps.`;
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
    about.textContent = `${[model.task, names].filter(Boolean).join(": ")}. ${seenAs(model)}`;
    area.firstElementChild?.nextElementSibling?.firstElementChild?.dispatchEvent(new Event("left"));
    const look = (content, name) => answered(chosen(), content, name);
    area.replaceChildren(...makeWays(model.preprocessing, look, shown));
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
