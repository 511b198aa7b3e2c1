/**
 * That a client's work was taken over by another tab: should its own tab wake up, it has to know
 * before its next edit. So these are in `localStorage`, which answers at once; a browser that is
 * killed has no sleeping tabs.
 */

import { attempt } from "./guarding.js";

/** How long a mark stays, in ms. */
const KEPT = 30 * 24 * 3600 * 1000;

export class Marks {
  #storage;
  #now;
  #prefix;

  constructor({ storage, now }, namespace) {
    this.#storage = storage;
    this.#now = now;
    this.#prefix = `collab:${namespace}:taken:`;
  }

  /** Marks that another tab delivers this client's work. */
  set(document, client) {
    const now = this.#now();
    attempt(() => {
      for (const key of keysOf(this.#storage, this.#prefix)) {
        if (Number(this.#storage.getItem(key)) < now - KEPT) this.#storage.removeItem(key);
      }
      this.#storage.setItem(`${this.#prefix}${document}:${client}`, String(now));
    });
  }

  /** Whether another tab took this client's work over. */
  has(document, client) {
    return attempt(() => this.#storage.getItem(`${this.#prefix}${document}:${client}`) !== null, false);
  }
}

/** The keys of a storage that begin with `prefix`. */
export function keysOf(storage, prefix) {
  const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  return keys.filter((key) => key?.startsWith(prefix));
}
