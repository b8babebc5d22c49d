// What a text was before, to go back to and on again. Letters that are typed without a pause are one step, of some seconds at most.

const [PAUSE, LONGEST] = [700, 3000]; // ms without a letter, and of a step
const MOST = 500;

/** Steps from one text to the next. */
export class History {
  constructor(text) {
    this.steps = [{ text }];
    this.at = 0;
    this.last = this.began = -Infinity;
  }

  /** Take a text as the next step; typed: whether it may go on with the step before; isSwap: it was the one kept beside. */
  take(text, typed, isSwap = false, now = performance.now()) {
    if (text === this.steps[this.at].text) return;
    const goesOn = typed && now - this.last < PAUSE && now - this.began < LONGEST && this.at > 0 && this.at === this.steps.length - 1;
    if (!goesOn) this.began = now;
    this.steps.splice(goesOn ? this.at : this.at + 1, Infinity, { text, isSwap });
    if (this.steps.length > MOST) this.steps.shift();
    this.at = this.steps.length - 1;
    this.last = typed ? now : -Infinity;
  }

  /** Write the text of this step otherwise: a name of the zoo as what it stands for. */
  rewrite(text) {
    this.steps[this.at].text = text;
  }

  /** One step back (-1) or on (1): {text, isSwap}, whether that crosses a swap; null at an end. */
  step(way) {
    const [left, found] = [this.steps[this.at], this.steps[this.at + way]];
    if (!found) return null;
    this.at += way;
    this.last = -Infinity;
    return { text: found.text, isSwap: (way < 0 ? left : found).isSwap };
  }

  canStep(way) {
    return this.steps[this.at + way] !== undefined;
  }
}
