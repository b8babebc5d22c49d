// The running model, in pages of networks that are small enough for it.
import { held } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";

const { packed, samples, paths } = held("live-data");
const drawn = document.getElementById("strip"); // the network from left to right, where the page has it
const strip = drawn && { element: drawn, paths };
const live = mount(document.getElementById("live-model"), packed, { samples, strip });
document.addEventListener("lookinto", ({ detail: { picture, words } }) => live.look(picture, words));
