// The mistakes that the model was surest of, and the images whose labels look wrong themselves.
import { count, h } from "hubel/view/dom";
import { capital } from "hubel/report/images";

const MOST = 24;

export function surest(place, set) {
  const wrong = set.all.filter((image) => !image.right).sort((a, b) => b.sure - a.sure).slice(0, MOST);
  if (!wrong.length) {
    place.append(h("p", {}, `There are none: every ${set.one} is what the model says.`));
    return;
  }
  place.append(
    h("p", {}, `${wrong.length > 1 ? `The ${count(wrong.length)} wrong answers with the highest probabilities.` : "The one wrong answer."} Below each: what the model said, ` +
      "and what it is."),
    set.cards(wrong));
  const suspects = set.suspects.map((index) => set.all.find((image) => image.index === index)).filter(Boolean);
  if (suspects.length) {
    place.append(
      h("h3", {}, "Labels to look at"),
      h("p", {}, `${capital(set.many)} whose label may be wrong rather than the model's answer, by confident learning (Northcutt et al. 2021): ` +
        "the model is as sure of another class as it usually is where that class is right."),
      set.cards(suspects));
  }
}
