/**
 * Tells plugins what changed in the text: one change after the other, each when the text and
 * the engine are at rest, even when a plugin answers a change with another one.
 */

/** Edits that plugins may make in answer to one change, to edits that answer it, and so on. */
const MOST_ANSWERS = 100;

/**
 * @typedef {object} Change
 * @property {import("../engine/ot.js").Delta} delta
 * @property {boolean} local whether it was made on this page
 * @property {Array<{revision: number, client: string, author: string, sequence: number,
 *   time: number}>} operations what it came with; none when it is local, or when the content
 *   came anew
 */

export class Changes {
  #tell;
  #waiting = [];
  #telling = false;
  #answers = 0;

  /** @param {(change: Change) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /** The text has changed. */
  add(delta, { local }) {
    this.#waiting.push({ delta, local, operations: [] });
  }

  /** The last change came with these. */
  cameWith(operations) {
    const last = this.#waiting.at(-1);
    if (last && !last.local) {
      last.operations = operations.map(({ revision, client, author, sequence, time }) =>
        ({ revision, client, author, sequence, time }));
    }
  }

  /** Text and engine are at rest: everything that happened is told. */
  flush() {
    if (this.#telling) return;
    this.#telling = true;
    try {
      while (this.#waiting.length) this.#tell(this.#waiting.shift());
    } finally {
      this.#telling = false;
      this.#answers = 0;
    }
  }

  /** An edit of a plugin's. @throws {Error} when it answers itself for ever */
  made(edit) {
    if (this.#telling && ++this.#answers > MOST_ANSWERS) {
      throw new Error("plugins answer each other’s edits without end");
    }
    return edit();
  }
}
