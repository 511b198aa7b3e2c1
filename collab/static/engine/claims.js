/**
 * Which tab has which client id: one tab at a time, and a closed or crashed tab has none.
 *
 * Stands on Web Locks. Pages that are not secure (http:) have none; there the tabs ask each
 * other over a BroadcastChannel, and silence means that nobody has it. A tab that sleeps is
 * silent too: `certain` says whether that can happen, and `unsent.js` takes care of it.
 */

/** How long the other tabs have to answer, in ms. */
const ANSWER_WITHIN = 300;

/** @param {import("./environment.js").Environment} environment */
export function openClaims(environment, namespace) {
  return environment.locks
    ? new LockedClaims(environment.locks, namespace)
    : new AskedClaims(environment, namespace);
}

class LockedClaims {
  certain = true;
  #locks;
  #namespace;

  constructor(locks, namespace) {
    this.#locks = locks;
    this.#namespace = namespace;
  }

  /** Takes a name that is new. @returns {() => Promise<void>} gives it up; resolves when it is free */
  take(name) {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    const over = this.#locks.request(this.#name(name), () => held).catch(() => {}); // a closing page
    return () => {
      release();
      return over;
    };
  }

  /** Takes a name unless somebody has it. @returns {Promise<(() => void) | null>} */
  tryToTake(name) {
    return new Promise((answer, failed) => {
      const granted = (lock) => {
        if (!lock) return answer(null);
        return new Promise((release) => answer(release));
      };
      this.#locks.request(this.#name(name), { ifAvailable: true }, granted).catch(failed);
    });
  }

  close() {}

  #name(name) {
    return `collab:${this.#namespace}:${name}`;
  }
}

class AskedClaims {
  certain = false;
  #environment;
  #channel;
  #me;
  #mine = new Set();
  /** Names we are asking for, and how to hear that somebody else has it. */
  #asking = new Map();

  constructor(environment, namespace) {
    this.#environment = environment;
    this.#me = environment.token();
    this.#channel = new environment.BroadcastChannel(`collab:${namespace}`);
    this.#channel.onmessage = ({ data }) => this.#told(data);
  }

  take(name) {
    this.#mine.add(name);
    return () => this.#mine.delete(name);
  }

  async tryToTake(name) {
    if (this.#mine.has(name) || this.#asking.has(name)) return null;
    const free = await new Promise((answer) => {
      const timer = this.#environment.setTimeout(() => answer(true), ANSWER_WITHIN);
      this.#asking.set(name, () => {
        this.#environment.clearTimeout(timer);
        answer(false);
      });
      this.#channel.postMessage({ ask: name, by: this.#me });
    });
    this.#asking.delete(name);
    return free ? this.take(name) : null;
  }

  close() {
    this.#mine.clear();
    this.#channel.close();
  }

  #told({ ask, by, taken, to }) {
    if (ask !== undefined) {
      // Of two that ask at once, the lower token gets it.
      const ours = this.#mine.has(ask) || (this.#asking.has(ask) && this.#me < by);
      if (ours) this.#channel.postMessage({ taken: ask, to: by });
    } else if (to === this.#me) {
      this.#asking.get(taken)?.();
    }
  }
}
