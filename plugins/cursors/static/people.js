/** Whose carets there are: a person may have one in each of several tabs. */

export class People {
  #sessions = new Map(); // session → user; whoever moved last is last

  /** A caret moved, or is new. */
  moved(session, user) {
    this.#sessions.delete(session);
    this.#sessions.set(session, user);
  }

  gone(session) {
    this.#sessions.delete(session);
  }

  get sessions() {
    return [...this.#sessions.keys()];
  }

  /** Everybody who has a caret, each once, in the order of their ids. */
  get users() {
    const users = new Map([...this.#sessions.values()].map((user) => [user.id, user]));
    return [...users.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The session whose caret a user moved last, or null. */
  sessionOf(id) {
    return [...this.#sessions].findLast(([, user]) => user.id === id)?.[0] ?? null;
  }

  userOf(id) {
    return [...this.#sessions.values()].findLast((user) => user.id === id) ?? null;
  }
}
