// The report: every part mounts itself where its data and its place are.
import { held } from "hubel/view/dom";
import { curves } from "hubel/view/charts";
import { gallery } from "hubel/report/gallery";
import { imageSet } from "hubel/report/images";
import { matrix } from "hubel/report/matrix";
import { network } from "hubel/report/network";
import { surest } from "hubel/report/surest";
import { theme } from "hubel/view/theme";

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
