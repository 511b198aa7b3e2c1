/** The threads of a document, where they are, and in which order. */

/**
 * Positions come as the server's revisions count them. From then on the editor moves them; what
 * it can't know (see the README) the server tells again.
 */
export class Threads {
  #editor;
  #known = new Map();

  /** @param {{fromServer: Function, track: Function}} editor */
  constructor(editor) {
    this.#editor = editor;
  }

  /** Forgets all: they are told again. */
  clear() {
    for (const id of [...this.#known.keys()]) this.remove(id);
  }

  get(id) {
    return this.#known.get(id)?.thread ?? null;
  }

  put({ id, start, end, thread }, revision) {
    this.#let(id);
    this.#known.set(id, { id, thread, told: { start, end, revision }, place: null });
    this.#place(id);
  }

  /** A thread is somewhere else than we would think. */
  move(id, start, end, revision) {
    const known = this.#known.get(id);
    if (known) this.put({ id, start, end, thread: known.thread }, revision);
  }

  remove(id) {
    this.#let(id);
    this.#known.delete(id);
  }

  /** Places those whose revision was not here yet. Returns whether there were any. */
  placeLate() {
    const late = [...this.#known.values()].filter(({ place }) => !place);
    return late.filter(({ id }) => this.#place(id)).length > 0;
  }

  /**
   * All of them in the order of the text.
   * @returns {Array<{id: string, thread: object, from: number, to: number, lost: boolean}>}
   *   `lost`: its text is deleted, or its place not known yet
   */
  inOrder() {
    return [...this.#known.values()]
      .map(({ id, thread, place, told }) => {
        const from = place ? place.start.position : told.start;
        const to = Math.max(from, place ? place.end.position : told.end);
        return { id, thread, from, to, lost: !place || from === to };
      })
      .sort((a, b) => a.from - b.from || a.to - b.to || a.thread.comments[0].time - b.thread.comments[0].time);
  }

  #place(id) {
    const known = this.#known.get(id);
    const { start, end, revision } = known.told;
    const from = this.#editor.fromServer(revision, start);
    const to = this.#editor.fromServer(revision, end);
    if (from === null || to === null) return false;
    // What is inserted at its edges does not belong to it.
    known.place = { start: this.#editor.track(from, { side: 1 }), end: this.#editor.track(to, { side: -1 }) };
    return true;
  }

  #let(id) {
    const place = this.#known.get(id)?.place;
    place?.start.remove();
    place?.end.remove();
  }
}

/** How many are not settled. */
export function open(threads) {
  return threads.filter(({ thread }) => !thread.resolved).length;
}

/** What tells whether the list has to be drawn anew. */
export function signature(threads) {
  return threads.map(({ id, lost }) => `${id}${lost ? "-" : "+"}`).join();
}
