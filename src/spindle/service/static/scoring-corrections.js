// Corrections: shown at once, sent one after another, and put right by what the service answers.
import { ask, attempt, ServiceError } from "./api.js";

export class Corrections {
  // `changed` is called whenever states or flags are others; `reload` fetches everything again.
  constructor(id, scored, { changed, reload }) {
    this.path = `/scorings/${id}`;
    this.scored = scored;
    this.changed = changed;
    this.reload = reload;
    this.queue = Promise.resolve();
    this.waiting = 0;
    this.answers = [];
    this.stale = false;
  }

  get canUndo() {
    return this.waiting > 0 || this.scored.revision > 0;
  }

  get canRedo() {
    return this.waiting === 0 && this.scored.revision < this.scored.corrections;
  }

  correct(change) {
    this.scored.change(change);
    this._send("corrections", change);
    this.changed();
  }

  undo() {
    if (this.canUndo) this._send("undo");
  }

  redo() {
    if (this.canRedo) this._send("redo");
  }

  _send(what, body) {
    this.waiting += 1;
    this.queue = this.queue.then(async () => {
      const expected = this.scored.revision + (what === "undo" ? -1 : 1);
      let answer;
      await attempt(async () => { answer = await ask("POST", `${this.path}/${what}`, body); });
      this.waiting -= 1;
      if (answer) {
        this.answers.push(answer);
        this.scored.revision = answer.revision;
        this.scored.corrections = answer.corrections;
      }
      // Refused, or somebody else is correcting too: what this page knows is not all there is.
      if (answer?.revision !== expected) this.stale = true;
      if (this.waiting === 0) await this._settle();
    });
  }

  // Only when nothing is on its way: an older answer would take a newer correction back for a moment.
  async _settle() {
    const answers = this.answers.splice(0);
    if (this.stale) {
      try {
        await this.reload();
        this.stale = false;
      } catch (error) {
        // What went wrong is on the page already; the next correction tries again.
        if (!(error instanceof ServiceError)) throw error;
      }
    } else {
      answers.forEach((answer) => this.scored.accept(answer));
    }
    this.changed();
  }
}
