// The frame: the bar of rooms, colours, what is said where the server does not answer, and the address.

import { h, held } from "hubel/view/dom";
import { elsewhere } from "hubel/view/picture";
import { theme } from "hubel/view/theme";
import { addressed, go, written } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { arrive, leave } from "hubel/studio/entries";
import { ROOMS } from "hubel/studio/rooms";
import { Usable } from "hubel/studio/usable";

const main = document.getElementById("room");
const bar = document.getElementById("rooms");
const trouble = document.getElementById("trouble");
const host = held("host");
if (host.server) elsewhere.read = readByServer;
const rooms = ROOMS.filter((room) => host.server || !room.server);
const usable = new Usable(main);
main.append(usable.element);
const BEGINS = {
  en: "Python is on its way into this page, some 6 MB the first time; what you typed is answered when it is here.",
  pt: "O Python está a caminho desta página, uns 6 MB na primeira vez; o que você escreveu é respondido quando ele chegar.",
};
const open = new Map(); // by name: {place, room}
let shown = null; // the room's name

/** Show a room, built when it is first asked for. */
function show(name) {
  const room = rooms.find((each) => each.name === name) ?? rooms[0];
  usable.begin({ room: name });
  usable.oneOf("room", rooms.map((each) => each.name), rooms[0].name, `${rooms[0].title} is shown`);
  if (!open.has(room.name)) {
    const place = h("section", { class: `room ${room.name}`, "aria-label": room.title });
    main.append(place);
    open.set(room.name, { place, own: room.open(place) ?? {} });
  }
  leave();
  const former = shown;
  shown = room.name;
  for (const [each, { place }] of open) place.hidden = each !== room.name;
  for (const link of bar.querySelectorAll("a")) {
    if (link.dataset.room === room.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${room.title} – hubel studio`;
  open.get(room.name).own.shown?.(addressed());
  arrive(former !== null && former !== shown);
}

/** A picture of a form that this browser does not know, such as TIFF, as the server reads it. */
async function readByServer(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  const found = await ask("decoded", { content: btoa(text) });
  if (found.error) throw Error(found.error);
  return new Blob([Uint8Array.from(atob(found.picture), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}

for (const room of rooms) {
  const enter = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a tab of its own
    event.preventDefault();
    go({ room: room.name });
    show(room.name);
  };
  bar.append(h("li", {}, h("a", { href: `#room=${room.name}`, "data-room": room.name, onclick: enter }, room.title)));
}
if (rooms.length < 2) bar.parentElement.classList.add("single");
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its #room would be an address that names no room
  main.focus();
});
addEventListener("hashchange", () => show(addressed().room));
addEventListener("pagehide", () => written());

document.addEventListener("asking", ({ detail: { state, answer } }) => {
  if (state === "ready") return;
  if (state === "answered") {
    trouble.hidden = true;
    trouble.replaceChildren();
    return;
  }
  if (trouble.dataset.state === state && !trouble.hidden) return;
  trouble.dataset.state = state;
  trouble.lang = "en";
  trouble.hidden = false;
  if (state === "lost") {
    trouble.replaceChildren("The studio's server does not answer. Nothing here is lost: start hubel studio again, and the page goes on.");
  } else if (state === "beginning") {
    const room = main.querySelector(".room:not([hidden])");
    trouble.lang = BEGINS[room.lang] ? room.lang : "en";
    trouble.replaceChildren(BEGINS[trouble.lang], room.classList.contains("design") ? " The zoo's networks are shown at once." : "");
  } else if (state === "anew") {
    trouble.replaceChildren("What this browser has kept of Python does not begin: Python is begun anew, which takes some seconds more, and what you typed is answered when it is here.");
  } else if (state === "failed") {
    trouble.replaceChildren(`Python could not be started in this page (${answer.why}): the zoo's networks are shown, and nothing else is answered. Another browser, or hubel studio, may do. `,
      h("button", { type: "button", onclick: answer.again }, "try again"));
  } else if (state === "token") {
    const field = h("input", { autocomplete: "off", "aria-label": "token", required: true });
    const form = h("form", {}, answer.isWrong ? "That is not its token. " : "", "This server asks for its token, which stands in the address that it printed. ", field, " ",
      h("button", {}, "go on"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      trouble.hidden = true;
      answer(field.value.replace(/^.*token=([^&]*).*$/, "$1")); // the whole address may be given
    });
    trouble.replaceChildren(form);
  }
});

theme(document.getElementById("theme"));
show(addressed().room);
document.documentElement.dataset.ready = "yes";
