// The running model, in pages of networks that are small enough for it.
import { held } from "hubel/dom";
import { mount } from "hubel/live";

const { packed, samples } = held("live-data");
mount(document.getElementById("live-model"), packed, { samples });
