/** Where positions in an earlier revision are now. Positions are UTF-16 code units. */

/** Committed operations that are remembered: a caret older than that is not worth drawing. */
const REMEMBERED = 500;

export class Positions {
  #since = 0; // the revision before the first one remembered
  #operations = [];

  /** Starts anew at `revision`. */
  reset(revision) {
    this.#since = revision;
    this.#operations = [];
  }

  /** The next committed operation. */
  push({ client, delta }) {
    this.#operations.push({ client, delta });
    if (this.#operations.length >= 2 * REMEMBERED) {
      this.#since += REMEMBERED;
      this.#operations.splice(0, REMEMBERED);
    }
  }

  /** The last revision. */
  get revision() {
    return this.#since + this.#operations.length;
  }

  /**
   * A position of `revision` in the last revision. What its owner inserts there pushes it
   * along; what others insert there doesn't.
   *
   * @param {string} [owner] client id
   * @returns {number | null} null when that revision is forgotten, or not there yet
   */
  latest(revision, position, owner) {
    if (revision < this.#since || revision > this.revision) return null;
    let index = position;
    for (let i = revision - this.#since; i < this.#operations.length; i++) {
      const { client, delta } = this.#operations[i];
      index = delta.transformPosition(index, client !== owner);
    }
    return index;
  }

  /**
   * The same in the text that a client has, with what it has not acknowledged.
   *
   * @param {import("./client.js").Client | null} machine
   */
  local(machine, revision, position, owner) {
    let index = this.latest(revision, position, owner);
    if (index === null || !machine) return null;
    for (const delta of [machine.inflight, machine.buffer]) {
      if (delta) index = delta.transformPosition(index, owner !== machine.id);
    }
    return index;
  }
}
