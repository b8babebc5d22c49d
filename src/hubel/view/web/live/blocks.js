// Layers in the blocks that they belong to: named shortly within them, and to be closed.

import { h } from "hubel/view/dom";
import { shapeText } from "hubel/view/live/colours";

const OPEN = 24; // layers up to which all blocks are open at first

/** The part of a network that a layer belongs to; null where it stands alone. */
const partOf = (path) => (path !== null && path.includes(".") ? path.slice(0, path.indexOf(".")) : null);

/** What a layer is called within its part: `block1.sum1.branch2.conv1` is `branch 2 › conv1`. */
export function shortName(path) {
  const inner = path.split(".").slice(1);
  const kept = inner.filter((each, i) => i === inner.length - 1 || !/^(sum|concat|product)\d*$/.test(each));
  return kept.map((each) => each.replace(/^branch(\d+)$/, "branch $1")).join(" › ");
}

/** The elements of layers (in order), those of one part together under its name. */
export function inBlocks(views) {
  const found = [];
  for (const view of views) {
    const part = partOf(view.step.path);
    const last = found[found.length - 1];
    if (part !== null && last && last.part === part) last.views.push(view);
    else found.push({ part, views: [view] });
  }
  return found.map(({ part, views: own }, i) => {
    const isBlock = part !== null && own.length > 1;
    if (!isBlock) return own.map((view) => view.element);
    for (const view of own) view.shorten(shortName(view.step.path));
    const [first, final] = [own[0].step, own[own.length - 1].step];
    const shapes = `${shapeText(first.sources[0].shape)} → ${shapeText(final.node.output)}`;
    const facts = h("span", { class: "facts" }, `${shapes} · ${own.length} layers`);
    const open = views.length <= OPEN || i === found.length - 1;
    return h("details", { class: "block", open, "data-part": part }, h("summary", {}, h("b", {}, part), " ", facts),
      own.map((view) => view.element));
  });
}

/** Open the block that an element is in. */
export function opened(element) {
  const block = element.closest("details.block");
  if (block) block.open = true;
}
