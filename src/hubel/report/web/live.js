// The running model, in pages of networks that are small enough for it.
import { held } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";

const { packed, samples } = held("live-data");
mount(document.getElementById("live-model"), packed, { samples });
