// The running model, in pages of networks that are small enough for it.
import { held } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";

const { packed, samples } = held("live-data");
const live = mount(document.getElementById("live-model"), packed, { samples });
document.addEventListener("lookinto", ({ detail: { picture, words } }) => live.look(picture, words));
