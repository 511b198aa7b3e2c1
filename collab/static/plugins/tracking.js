/** Positions that move with the text, exactly as the server moves them. */

export class Tracked {
  #all = new Set();

  /**
   * Begins to follow a position of the present text.
   * @param {number} position
   * @param {{side?: number}} [how] below 0: it stays before what is inserted right there;
   *   otherwise that pushes it along
   * @returns {{position: number, remove(): void}}
   */
  add(position, { side = 1 } = {}) {
    if (!Number.isInteger(position) || position < 0) throw new TypeError(`${position} is not a position`);
    const all = this.#all;
    const one = { position, stays: side < 0 };
    all.add(one);
    return {
      get position() {
        return one.position;
      },
      remove: () => void all.delete(one),
    };
  }

  /** The text was changed. @param {import("../engine/ot.js").Delta} delta */
  move(delta) {
    for (const one of this.#all) one.position = delta.transformPosition(one.position, one.stays);
  }

  get size() {
    return this.#all.size;
  }
}
