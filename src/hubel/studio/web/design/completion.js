// What may be written at the caret: words of layers, their settings, functions, networks of the zoo.

const MOST = 12;

/** What stands around the caret: the letters before it, the layer that they are in, and whether one begins here. */
export function around(text, caret) {
  const before = text.slice(0, caret);
  const prefix = /[A-Za-z_][\w-]*$/.exec(before)?.[0] ?? "";
  const start = caret - prefix.length;
  const led = before.slice(0, start).trimEnd();
  if (!before.includes(":") && /^\s*$/.test(led)) return { prefix, start, place: "network" };
  const item = /(?:^[^:]*:|[,(|*=])([^:,(|*=]*)$/.exec(before)?.[1] ?? "";
  const layer = /^\s*([A-Za-z_]\w*)/.exec(item)?.[1] ?? "";
  const named = /[A-Za-z_]\w*\s+[^,(|]*\b\w+=$/.test(led); // a setting's value
  const begins = !named && /[:,(|*=]$/.test(led);
  return { prefix, start, layer, place: begins ? "layer" : named ? "value" : "setting" };
}

/** What may stand at the caret, the likeliest first: `{text, does, whole}`; whole ones replace all that is there. */
export function completions(known, text, caret, forced = false) {
  const { prefix, start, layer, place } = around(text, caret);
  if (!prefix && !forced) return { start, items: [] };
  let all = [];
  if (place === "network") {
    all = known.zoo.map(({ name, summary, from }) => ({ text: name, does: `${summary} (${from})`, whole: true }));
  } else if (place === "layer") {
    all = known.words.map(({ word, usage, does }) => ({ text: word, does: `${usage} – ${does}` }));
    all.push(...known.activations.map((name) => ({ text: name, does: "activation" })));
  } else if (place === "setting") {
    const found = known.words.find(({ word }) => word === layer);
    for (const setting of found?.settings ?? []) {
      if (setting !== "activation") all.push({ text: setting, does: `a setting of ${layer}` });
      else all.push(...known.activations.map((name) => ({ text: name, does: "the activation written with it" })));
    }
  }
  const wanted = prefix.toLowerCase();
  const begin = all.filter((each) => each.text.startsWith(wanted));
  const inside = all.filter((each) => !each.text.startsWith(wanted) && each.text.includes(wanted) && wanted.length > 1);
  const items = [...begin, ...inside].slice(0, MOST);
  return { start, items: items.length === 1 && items[0].text === prefix ? [] : items };
}

/** The layer's word at the caret with how it is written, for a line of help; null where there is none. */
export function usage(known, text, caret) {
  const { layer, place, prefix } = around(text, caret);
  const word = place === "layer" ? prefix : layer;
  return known.words.find((each) => each.word === word) ?? null;
}
