// The running model, in pages of networks that are small enough for it.
import { held } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";

const { packed, samples, paths } = held("live-data");
const strip = { element: document.getElementById("strip"), paths };
const live = mount(document.getElementById("live-model"), packed, { samples, strip });
document.addEventListener("lookinto", ({ detail: { picture, words } }) => live.look(picture, words));
