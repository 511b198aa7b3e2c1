/** The carets that one plugin shows: kept as the server said them until their revision is here. */

export class PluginCarets {
  #name;
  #live;
  #editor;
  #late = new Map();

  constructor(name, { live, editor }) {
    this.#name = name;
    this.#live = live;
    this.#editor = editor;
  }

  /** Shows these, each in the place of the one with its key; one without a place goes. */
  set(list, revision) {
    const gone = new Set();
    for (const caret of list) {
      const key = String(caret.key);
      const known = caret.revision ?? revision;
      if (Number.isInteger(caret.anchor) && Number.isInteger(caret.head) && Number.isInteger(known)) {
        this.#late.set(key, { ...caret, key, revision: known });
      } else {
        gone.add(key);
      }
    }
    if (gone.size) this.drop((key) => gone.has(key));
    this.draw();
  }

  /** Draws those that could not be placed before: their revision may have come now. */
  draw() {
    if (!this.#late.size) return;
    const placed = [];
    for (const [key, caret] of this.#late) {
      const anchor = this.#live.toLocal(caret.revision, caret.anchor, caret.client);
      const head = this.#live.toLocal(caret.revision, caret.head, caret.client);
      if (anchor === null || head === null) {
        // Not here yet: the next revision tries again. Too old: the server will say it anew.
        if (caret.revision <= this.#live.revision) this.#late.delete(key);
        continue;
      }
      this.#late.delete(key);
      const { name, color, client, onClick } = caret;
      placed.push({ key: this.#key(key), name: String(name), color, client, onClick, anchor, head });
    }
    if (placed.length) this.#editor.putCarets(placed);
  }

  /** Where one is now: {anchor, head}, or null. */
  at(key) {
    return this.#editor.caret(this.#key(String(key)));
  }

  /** Brings one into sight. @returns {boolean} */
  show(key) {
    return this.#editor.showCaret(this.#key(String(key)));
  }

  drop(which) {
    for (const key of [...this.#late.keys()]) if (which(key)) this.#late.delete(key);
    const prefix = this.#key("");
    this.#editor.dropCarets((key) => key.startsWith(prefix) && which(key.slice(prefix.length)));
  }

  /** Two plugins may use the same key. */
  #key(key) {
    return `${this.#name}/${key}`;
  }
}
