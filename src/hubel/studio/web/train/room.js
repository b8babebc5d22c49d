// The train room: begin a training, follow it, stop it and go on; runs of this machine, two on one chart.

import { h, held } from "hubel/view/dom";
import { address } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { Usable } from "hubel/studio/usable";
import { Inside } from "hubel/studio/look/inside";
import { brief, chart } from "hubel/studio/train/curves";
import { Own, plainName } from "hubel/studio/train/own";

const OFTEN = 1000; // ms between looks at a training that is under way
const SELDOM = 4000; // at the folder of runs
const STATES = {
  starting: "is starting", training: "is training", paused: "is paused", finished: "is finished", stopped: "was stopped", failed: "failed",
  refused: "did not begin", unreadable: "cannot be read",
};

const GOES_ON = ["training", "paused", "starting"];

/** The room's row in the registry. */
export const train = { name: "train", title: "Train", server: true, open: (place) => new Train(place) };

class Train {
  constructor(place) {
    this.place = place;
    this.usable = new Usable(place);
    this.chosen = [];
    this.opened = new Set(); // runs whose recipes are
    this.network = h("textarea", { rows: 5, spellcheck: false, "aria-label": "the network as text", required: true });
    this.data = h("input", { value: "mnist", list: "data-known", autocomplete: "off", required: true });
    this.epochs = h("input", { inputmode: "decimal", size: 4, placeholder: "by rule" });
    this.name = h("input", { placeholder: "a name", autocomplete: "off", onchange: ({ target }) => plainName(target) });
    const byRule = (more = {}) => h("input", { inputmode: "decimal", size: 6, placeholder: "by rule", autocomplete: "off", ...more });
    this.rate = byRule();
    this.settings = { learning_rate: this.rate, batch_size: byRule(), seed: byRule(), augmentation: byRule({ inputmode: "text", placeholder: "by rule; none", title: "none, or changes such as: shift 2, flip" }) };
    this.trouble = h("p", { class: "wrong-box", role: "alert" });
    const field = (title, input, note = "") => h("label", {}, h("span", {}, title), input, note && h("small", {}, note));
    this.own = new Own((path, unread) => {
      this.data.value = path;
      if (unread) this.skip.checked = true;
    });
    const button = h("button", {}, "train");
    const form = h("form", { class: "begin" },
      h("h2", {}, "Train a network"), field("network", this.network),
      field("data", this.data, "a name such as mnist, or the path of a folder, an archive or a table on this machine"),
      this.own.element, h("label", { class: "flag" }, this.skip = h("input", { type: "checkbox" }), " leave out pictures that cannot be read, and say which"),
      h("div", { class: "short" }, field("epochs", this.epochs), field("learning rate", this.rate), field("call it", this.name)),
      h("details", {}, h("summary", {}, "more of the recipe"), h("div", { class: "short" }, field("images a step", this.settings.batch_size), field("seed", this.settings.seed), field("augmentation", this.settings.augmentation))),
      button, this.trouble, h("datalist", { id: "data-known" }, ["mnist", "cifar10"].map((value) => h("option", { value }))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      button.disabled = true; // one press, one training
      this.begin().catch((error) => { this.trouble.textContent = error.message; }).finally(() => { button.disabled = false; });
    });
    this.list = h("ul", { class: "runs" });
    this.folder = h("p", { class: "note" }, "looking for runs …");
    this.view = h("div", { class: "followed" });
    this.inside = new Inside();
    this.live = h("details", { class: "learning", hidden: true }, h("summary", {}, "watch it learn: its kernels, and what each layer makes of an image"), this.inside.element);
    this.live.addEventListener("toggle", () => this.watch());
    place.append(h("h1", { class: "hidden" }, "Train"), this.usable.element,
      h("div", { class: "bench training" }, h("div", {}, this.view, this.live), h("div", { class: "side" }, form, h("h2", {}, "Runs"), this.folder, this.list)));
  }

  /** Called when the room comes into sight: the network that is designed is the one to train. */
  shown(values) {
    this.usable.begin(values);
    const said = (values.run ?? "").split(" ").filter(Boolean);
    if (said.length > 2) this.usable.replace("run", "at most two runs", "the first two are shown");
    if (said.length) this.chosen = said.slice(0, 2);
    else if (this.chosen.length) address({ run: this.chosen.join(" ") });
    if (values.net && !this.network.dataset.own) this.network.value = values.net;
    else if (!this.network.value) this.network.value = held("first").text;
    this.network.oninput = () => { this.network.dataset.own = "yes"; };
    this.look();
  }

  /** Look at the folder, and at what is chosen; again soon where something trains, else seldom, while it is seen. */
  async look() {
    clearTimeout(this.timer);
    if (this.looking) return;
    this.looking = true;
    try {
      const { folder, runs, others } = await ask("runs");
      this.showRuns(folder, runs, others);
      const [found, missing] = [[], []];
      for (const name of this.chosen) {
        const run = await ask("run", { name });
        if (!run.error) found.push(run);
        else missing.push(name);
      }
      if (missing.some((name) => this.chosen.includes(name))) {
        this.chosen = this.chosen.filter((name) => !missing.includes(name));
        this.usable.values = { run: missing.join(" ") };
        this.usable.replace("run", `runs in ${folder}`, "left out");
      }
      this.showChosen(found);
      this.busy = runs.some(({ state }) => GOES_ON.includes(state));
      await this.watch(found[0]);
    } catch (error) {
      this.trouble.textContent = error.message;
    } finally {
      this.looking = false;
    }
    const soon = () => (this.place.hidden || document.hidden ? (this.timer = setTimeout(soon, SELDOM)) : this.look());
    this.timer = setTimeout(soon, this.busy ? OFTEN : SELDOM);
  }

  showRuns(folder, runs, others) {
    const more = others.length ? `; not shown, since their names have other letters than A–Z, figures, . _ + -: ${others.join(", ")}` : "";
    this.folder.textContent = `${runs.length ? `in ${folder}; choose two to see them on one chart` : `none yet in ${folder}`}${more}`;
    const told = JSON.stringify([runs, this.chosen]);
    if (told === this.told) return;
    this.told = told;
    const focus = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    if (!this.chosen.length && runs.length) this.choose(runs[0].name, true);
    this.list.replaceChildren(...runs.map((run) => {
      const last = run.last ?? {};
      const figure = (run.figures ?? []).find((name) => name !== "loss");
      const best = figure && (last[`evaluation_${figure}`] ?? last[figure]);
      const facts = [STATES[run.state], run.data, last.epoch && `${last.epoch} of ${Math.ceil(run.epochs)} epochs`, typeof best === "number" && `${figure} ${brief(best)}`];
      const pressed = this.chosen.includes(run.name);
      const beside = run.state === "refused"
        ? h("button", { type: "button", "aria-label": `take ${run.name} off the list`, onclick: () => this.forget(run.name) }, "×")
        : h("button", { type: "button", "data-key": `${run.name} beside`, "aria-label": pressed ? `leave ${run.name} out` : `${run.name} on the same chart`, onclick: () => this.choose(run.name, false) }, pressed ? "−" : "+");
      return h("li", {}, h("button", { type: "button", "data-key": run.name, "aria-pressed": String(pressed), onclick: (event) => this.choose(run.name, !event.ctrlKey && !event.metaKey && !event.shiftKey) },
        h("b", {}, run.name), h("span", { class: "note" }, facts.filter(Boolean).join(" · "))),
      beside);
    }));
    if (focus) [...this.list.querySelectorAll("button")].find((each) => each.dataset.key === focus)?.focus();
  }

  /** Choose a run, alone or beside the one that is. */
  choose(name, alone) {
    if (alone) this.chosen = [name];
    else if (this.chosen.includes(name)) this.chosen = this.chosen.filter((each) => each !== name);
    else this.chosen = [...this.chosen.slice(-1), name];
    address({ run: this.chosen.join(" ") });
    this.told = null;
    this.look();
  }

  showChosen(runs) {
    const told = JSON.stringify(runs);
    if (told === this.shownRuns) return;
    this.shownRuns = told;
    if (!runs.length) {
      this.view.replaceChildren(h("h2", {}, "Nothing is chosen"), h("p", { class: "note" }, "Begin a training, or choose a run: its curves stand here, and grow while it trains."));
      return;
    }
    const { key, run: of } = this.view.contains(document.activeElement) ? document.activeElement.dataset : {};
    const figures = [...new Set(runs.flatMap((run) => run.figures))];
    this.view.replaceChildren(
      ...runs.map((run) => this.facts(run)),
      figures.length ? h("div", { class: "charts" }, figures.map((figure) => chart(figure, runs))) : "",
      ...runs.filter((run) => run.said).map((run) =>
        h("details", { open: run.state === "refused" || run.state === "starting" }, h("summary", {}, `what ${run.name} says`), h("pre", { tabindex: 0 }, run.said),
          options(run.said).length ? h("p", { class: "note" }, `Options of the command hubel train, which this form does not have: ${options(run.said).join(", ")}.`) : "",
          run.said.includes("--bad-images skip") ? h("p", { class: "note" }, "Here that is the box “leave out pictures that cannot be read”, above the button train.") : "")));
    const still = key && [...this.view.querySelectorAll("[data-key]")];
    if (still) (still.find((each) => each.dataset.key === key) ?? still.find((each) => each.dataset.run === of))?.focus(); // pause is go on now
  }

  /** What it is trained by, folded: every setting, and whose it is. */
  recipe(run) {
    const { optimizer, learning_rate: rate, batch_size: size } = run.recipe;
    const whose = (name) => (run.given.includes(name) ? " (yours)" : "");
    const rows = Object.entries(run.recipe).filter(([, value]) => value !== "").map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, `${value}${whose(name)}`)]);
    const element = h("details", { class: "recipe", open: this.opened.has(run.name) },
      h("summary", {}, `${optimizer}, learning rate ${brief(rate)}, batches of ${size} …`),
      h("p", { class: "note" }, "What nobody said is the rules' choice, from network, data and machine."), h("dl", {}, rows.flat()));
    element.addEventListener("toggle", () => this.opened[element.open ? "add" : "delete"](run.name));
    return element;
  }

  facts(run) {
    const last = run.rows[run.rows.length - 1] ?? {};
    const facts = [
      ["epoch", last.epoch ? `${last.epoch} of ${Math.ceil(run.epochs)}` : "–"],
      ...run.figures.map((name) => [name.replaceAll("_", " "), brief(last[`evaluation_${name}`] ?? last[name])]),
      [run.task === "classification" ? "images/s" : "examples/s", last.images_per_second ? Math.round(last.images_per_second).toLocaleString("en-US") : "–"],
      ["seconds", brief(last.seconds ?? null)],
    ];
    const act = (words, question) => h("button", { type: "button", "data-key": `${question} ${run.name}`, "data-run": run.name, onclick: () => this.act(question, run.name) }, words);
    const wish = (words, wished) => h("button", { type: "button", "data-key": `${wished} ${run.name}`, "data-run": run.name, onclick: () => this.act("wish", run.name, { wish: wished }) }, words);
    const waits = run.state === "paused";
    const stands = waits ? [wish("▶ go on", "go on"), wish("one step", "step")] : run.state === "training" ? wish("❚❚ pause", "pause") : "";
    return h("section", { class: "run" },
      h("h2", {}, run.name, " ", h("span", { class: `state ${run.state}` }, STATES[run.state])),
      run.network ? h("p", {}, h("code", {}, run.network), h("span", { class: "note" }, ` on ${run.data}`)) : "",
      run.recipe?.optimizer ? this.recipe(run) : "",
      run.failure ? h("p", { class: "wrong-box" }, run.failure) : "",
      h("dl", { class: "totals" }, facts.map(([title, value]) => h("div", {}, h("dt", {}, title), h("dd", {}, value)))),
      h("p", { class: "note stands" }, run.stands || run.state === "training" ? run.stands || run.said.split(/^next:/m)[0].trim().split("\n").at(-1) : ""),
      h("p", { class: "bar" }, stands, GOES_ON.includes(run.state) ? act("stop", "stop") : "", run.state === "stopped" ? act("go on", "resume") : "",
        run.rows.length || run.state === "finished" ? h("a", { href: `#room=look&run=${encodeURIComponent(run.name)}` }, "look inside") : ""));
  }

  /** Show the model of the first run that is chosen, and as it learns where it does: a moment's weights each second. */
  async watch(run = this.watched) {
    this.watched = run;
    this.live.hidden = !run || !(run.rows.length || GOES_ON.includes(run.state));
    if (this.live.hidden || (this.inside.name && this.inside.name !== run.name)) this.inside.close();
    if (this.live.hidden || !this.live.open) return;
    const learns = GOES_ON.includes(run.state);
    if (this.inside.name !== run.name) await this.inside.open(run.name, learns);
    else if (learns || this.learnt) await this.inside.renew();
    if (this.inside.listed && run.rows.length !== this.epochsSeen) await this.inside.mistakes(); // an epoch later
    this.epochsSeen = run.rows.length;
    this.learnt = learns; // once more after its end
  }

  /** Take a training that did not begin off the list. */
  forget(name) {
    this.chosen = this.chosen.filter((each) => each !== name);
    address({ run: this.chosen.join(" ") });
    return this.act("forget", name);
  }

  async act(question, name, values = {}) {
    const found = await ask(question, { name, ...values }).catch(({ message }) => ({ error: message }));
    this.trouble.textContent = found.error ?? "";
    this.look();
  }

  async begin() {
    const going = (await ask("runs")).runs.filter(({ state }) => GOES_ON.includes(state)).map(({ name }) => name).join(", ");
    if (going && this.warned !== going) { // once for each that is under way
      this.warned = going;
      this.trouble.textContent = `${going} is under way, and two would share this machine: press train again to begin another all the same.`;
      return;
    }
    this.warned = null;
    const settings = Object.entries(this.settings).map(([name, field]) => [name, field.value.trim()]).filter(([, value]) => value).map((pair) => pair.join("="));
    const found = await ask("train", {
      text: this.network.value.trim(), data: this.data.value.trim(), name: plainName(this.name), epochs: this.epochs.value.trim(), settings, skip: Number(this.skip.checked),
    });
    this.trouble.textContent = found.error ?? "";
    if (!found.error) this.choose(found.name, true);
  }
}

/** What a training advises that can be done from a terminal alone. */
const options = (said) => [...new Set(said.match(/(?<=\s)--[a-z][\w-]*/g))].filter((option) => !["--bad-images", "--set", "--epochs"].includes(option));
