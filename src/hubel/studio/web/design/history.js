// What a text was before, to go back to and on again. Letters that are typed without a pause are one step, of some seconds at most.

const [PAUSE, LONGEST] = [700, 3000]; // ms without a letter, and of a step
const MOST = 500;

/** Steps from one text to the next. */
export class History {
  constructor(text) {
    this.texts = [text];
    this.at = 0;
    this.last = this.began = -Infinity;
  }

  /** Take a text as the next step; typed: whether it may go on with the step before. */
  take(text, typed, now = performance.now()) {
    if (text === this.texts[this.at]) return;
    const goesOn = typed && now - this.last < PAUSE && now - this.began < LONGEST && this.at > 0 && this.at === this.texts.length - 1;
    if (!goesOn) this.began = now;
    this.texts.splice(goesOn ? this.at : this.at + 1, Infinity, text);
    if (this.texts.length > MOST) this.texts.shift();
    this.at = this.texts.length - 1;
    this.last = typed ? now : -Infinity;
  }

  /** The text one step back (-1) or on (1); null at an end. */
  step(way) {
    const found = this.texts[this.at + way];
    if (found === undefined) return null;
    this.at += way;
    this.last = -Infinity;
    return found;
  }

  canStep(way) {
    return this.texts[this.at + way] !== undefined;
  }
}
