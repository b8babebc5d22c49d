// The report: every part mounts itself where its data and its place are.
import { held } from "hubel/dom";
import { curves } from "hubel/curves";
import { gallery } from "hubel/gallery";
import { imageSet } from "hubel/images";
import { matrix } from "hubel/matrix";
import { network } from "hubel/network";
import { surest } from "hubel/surest";
import { theme } from "hubel/theme";

const place = (name) => document.getElementById(name);

theme(place("theme"));
network(place("network"), held("layers"));
document.querySelectorAll(".charts").forEach(curves);

const images = held("images");
if (images) {
  const set = imageSet(images, place("image"));
  matrix(place("matrix"), set);
  surest(place("surest"), set);
  gallery(place("by-class"), set);
}

document.documentElement.dataset.ready = "yes";
