// What the text, and the one kept beside it, were before, to go back to and on again. Letters that are typed without a pause are one step, of some seconds at most.

const [PAUSE, LONGEST] = [700, 3000]; // ms without a letter, and of a step
const MOST = 500;

/** Steps from one pair to the next: {text, other}, the other one empty where none is kept. */
export class History {
  constructor(text, other) {
    this.steps = [{ text, other }];
    this.at = 0;
    this.last = this.began = -Infinity;
  }

  /** Take a pair as the next step; typed: whether its text may go on with the step before. */
  take(text, other, typed, now = performance.now()) {
    const before = this.steps[this.at];
    if (text === before.text && other === before.other) return;
    const goesOn = typed && now - this.last < PAUSE && now - this.began < LONGEST && this.at > 0 && this.at === this.steps.length - 1;
    if (!goesOn) this.began = now;
    this.steps.splice(goesOn ? this.at : this.at + 1, Infinity, { text, other });
    if (this.steps.length > MOST) this.steps.shift();
    this.at = this.steps.length - 1;
    this.last = typed ? now : -Infinity;
  }

  /** Write the text of this step otherwise: a name of the zoo as what it stands for. */
  rewrite(text) {
    this.steps[this.at].text = text;
  }

  /** One step back (-1) or on (1); null at an end. */
  step(way) {
    if (!this.canStep(way)) return null;
    this.at += way;
    this.last = -Infinity;
    return this.steps[this.at];
  }

  canStep(way) {
    return this.steps[this.at + way] !== undefined;
  }
}
