/** What one plugin draws in the text; what the server told waits until its revision is here. */

/** What is a position in an entry of the list. */
const POSITIONS = ["from", "to", "at", "line"];

export class PluginMarks {
  #live;
  #editor;
  #late = new Map();

  constructor({ live, editor }) {
    this.#live = live;
    this.#editor = editor;
  }

  /** Draws a list, at positions of the present text, or of `revision`. */
  add(list, revision) {
    const drawn = this.#editor.decorate([]);
    let gone = false;
    const update = (next, of) => gone || this.#show(drawn, next, of);
    update(list, revision);
    const remove = () => {
      gone = true;
      this.#late.delete(drawn);
      drawn.remove();
    };
    return { update, remove };
  }

  /** Draws what could not be placed before: its revision may have come now. */
  draw() {
    for (const [drawn, { list, revision }] of [...this.#late]) this.#show(drawn, list, revision);
  }

  #show(drawn, list, revision) {
    this.#late.delete(drawn);
    const here = revision === undefined ? list : list.map((one) => this.#here(one, revision));
    if (here.every(Boolean)) drawn.update(here);
    // Too old: what is drawn has moved along, and the server will say it anew.
    else if (revision > this.#live.revision) this.#late.set(drawn, { list, revision });
  }

  /** One with positions of the present text; null when they can't be told. */
  #here(one, revision) {
    const here = { ...one };
    for (const key of POSITIONS.filter((name) => one[name] !== undefined)) {
      here[key] = this.#live.toLocal(revision, one[key]);
      if (here[key] === null) return null;
    }
    return here;
  }
}
