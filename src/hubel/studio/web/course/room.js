// The course room: exercises whose answers are checked by hubel's own formulas, and explained, in two languages.

import { h, held } from "hubel/view/dom";
import { address } from "hubel/studio/address";
import { ask } from "hubel/studio/asking";
import { Usable } from "hubel/studio/usable";

const WORDS = {
  en: { all: "exercises", answer: "your answer", check: "check", show: "show the answer", open: "open in Design", next: "next", before: "before",
    slide: (said) => `A slide says ${said}.`, right: "right", is: "The answer: ", of: (done, all) => `${done} of ${all} right`, language: "language" },
  pt: { all: "exercícios", answer: "sua resposta", check: "conferir", show: "mostrar a resposta", open: "abrir em Design", next: "próximo", before: "anterior",
    slide: (said) => `Um slide diz ${said}.`, right: "certo", is: "A resposta: ", of: (done, all) => `${done} de ${all} certos`, language: "idioma" },
};
const LANGUAGES = [["en", "English"], ["pt", "Português"]];

/** The room's row in the registry. */
export const course = { name: "course", title: "Course", server: false, open: (place) => new Course(place) };

class Course {
  constructor(place) {
    this.place = place;
    this.usable = new Usable(place);
    this.course = held("course");
    this.right = new Set();
    this.given = new Map(); // by place: what was typed
    this.answers = new Map(); // by place: what was asked last, {given, language, found}
    this.title = h("h1", {});
    this.choose = h("select", {}, LANGUAGES.map(([value, words]) => h("option", { value, lang: value }, words)));
    this.choose.addEventListener("change", () => this.go(this.at, this.choose.value));
    this.told = h("p", { class: "note", role: "status" });
    this.list = h("nav", { class: "exercises" });
    this.question = h("article", {});
    place.append(h("div", { class: "head" }, this.title, this.choose, this.told, this.usable.element), h("div", { class: "parts" }, this.list, this.question));
  }

  /** Called when the room comes into sight, or the address names another exercise. */
  shown(values) {
    const { usable } = this;
    usable.begin(values);
    const own = LANGUAGES.find(([name]) => navigator.language.startsWith(name)) ?? LANGUAGES[0];
    const language = usable.oneOf("lang", LANGUAGES.map(([name]) => name), own[0]);
    this.show(usable.number("exercise", [1, this.course.exercises.length], 1) - 1, language);
    if (!held("host").server) ask("known").catch(() => {}); // so that Python is here once something is worked out
  }

  go(at, language = this.language) {
    address({ exercise: at ? String(at + 1) : "", lang: language });
    this.show(at, language);
  }

  show(at, language) {
    Object.assign(this, { at, language, words: WORDS[language], one: language === "pt" ? 1 : 0 });
    this.place.lang = language;
    this.choose.value = language;
    this.choose.setAttribute("aria-label", this.words.language);
    this.title.textContent = this.course.title[this.one];
    this.showList();
    this.showQuestion();
  }

  showList() {
    const { exercises } = this.course;
    this.told.textContent = this.words.of(this.right.size, exercises.length);
    this.list.setAttribute("aria-label", this.words.all);
    const focus = this.list.contains(document.activeElement);
    const parts = [];
    exercises.forEach((each, place) => {
      const chapter = each.chapter[this.one];
      if (chapter && chapter !== exercises[place - 1]?.chapter[this.one]) parts.push(h("h2", {}, chapter));
      const done = this.right.has(place);
      parts.push(h("button", { type: "button", class: done ? "done" : "", "aria-current": place === this.at ? "true" : null, onclick: () => this.go(place) },
        h("span", {}, each.title[this.one]), done ? h("span", { class: "mark", role: "img", "aria-label": this.words.right }, "✓") : null));
    });
    this.list.replaceChildren(...parts);
    const current = this.list.querySelector("[aria-current]");
    if (focus) current.focus();
    this.list.scrollTop = Math.max(0, current.offsetTop - 80);
  }

  showQuestion() {
    const each = this.course.exercises[this.at];
    const last = this.course.exercises.length - 1;
    const field = h("input", { autocomplete: "off", "aria-label": this.words.answer, placeholder: this.words.answer, value: this.given.get(this.at) ?? "" });
    field.addEventListener("input", () => this.given.set(this.at, field.value));
    this.said = h("div", { class: "said", role: "status" });
    const form = h("form", { class: "bar" }, field, h("button", {}, this.words.check), h("button", { type: "button", onclick: () => this.check("") }, this.words.show));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim()) this.check(field.value);
      else {
        this.said.replaceChildren();
        this.answers.delete(this.at);
        field.focus();
      }
    });
    const answer = this.answers.get(this.at);
    if (answer?.found && answer.language === this.language) this.tell(answer);
    const design = each.network.includes("?") ? "" : h("a", { href: `#room=design&net=${encodeURIComponent(each.network)}` }, this.words.open);
    this.question.replaceChildren(
      h("h2", {}, each.title[this.one]), h("p", {}, inline(each.text[this.one])), h("p", {}, h("code", {}, each.network), " ", design),
      form, this.said,
      h("p", { class: "bar" }, h("button", { type: "button", disabled: this.at === 0, onclick: () => this.go(this.at - 1) }, `← ${this.words.before}`),
        h("button", { type: "button", disabled: this.at === last, onclick: () => this.go(this.at + 1) }, `${this.words.next} →`)));
  }

  /** Have an answer checked; it counts, and stands with its exercise, wherever one has gone meanwhile. */
  async check(given) {
    const { at, language } = this;
    const { network, layer, asks, wanted } = this.course.exercises[at];
    const answer = { given, language };
    this.answers.set(at, answer);
    answer.found = await ask("exercise", { network, layer, asks, wanted, given, language });
    if (answer.found.right) {
      this.right.add(at);
      this.showList();
    }
    if (this.at === at && this.language === language && this.answers.get(at) === answer) this.tell(answer);
  }

  tell({ given, found }) {
    if (found.error) {
      this.said.replaceChildren(h("p", { class: "wrong-box" }, found.error));
      return;
    }
    const { slide } = this.course.exercises[this.at];
    const [first, ...rest] = found.told;
    const shown = given && !found.right ? [] : rest.map((told) => h("p", {}, told)); // the button beside it shows the answer
    const more = slide && (found.right || !given) ? h("p", { class: "note" }, this.words.slide(slide)) : "";
    this.said.replaceChildren(given ? "" : h("p", {}, this.words.is, h("b", {}, found.answer)), h("p", { class: found.right ? "good" : given ? "not-yet" : "" }, first), ...shown, more);
  }
}

/** Words with `code` in them; everything else is text as it stands. */
function inline(text) {
  return text.split(/`([^`]+)`/).map((part, place) => (place % 2 ? h("code", {}, part) : part));
}
