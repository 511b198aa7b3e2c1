/** What a user prefers, for each plugin: kept in this browser, the same in all its tabs. */

import { storage } from "./storage.js";

export class Preferences {
  #name;
  #values = null;
  #listeners = new Set();
  #heard = (event) => {
    if (event.key !== null && event.key !== this.#name()) return;
    const before = this.#all();
    this.#values = null;
    const now = this.#all();
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      if (JSON.stringify(before[key]) !== JSON.stringify(now[key])) this.#tell(key, now[key]);
    }
  };

  /**
   * @param {string} basePath
   * @param {() => string | undefined} user whose they are
   * @param {string} plugin
   */
  constructor(basePath, user, plugin) {
    this.#name = () => `collab:preferences:${basePath}:${user() ?? ""}:${plugin}`;
    addEventListener("storage", this.#heard);
  }

  get(key, otherwise = null) {
    const all = this.#all();
    return Object.hasOwn(all, key) ? structuredClone(all[key]) : otherwise;
  }

  /** @param {unknown} value anything JSON; undefined forgets it */
  set(key, value) {
    const next = { ...this.#all() };
    const before = JSON.stringify(next[key]);
    if (JSON.stringify(value) === before) return;
    if (value === undefined) delete next[key];
    else next[key] = structuredClone(value);
    this.#values = next;
    try {
      storage()?.setItem(this.#name(), JSON.stringify(next));
    } catch {
      // Full, or forbidden: it holds until the page is left.
    }
    this.#tell(key, value);
  }

  /** `listener(key, value)`: after a change here or in another tab. */
  onChange(listener) {
    this.#all(); // to know later what has changed
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close() {
    removeEventListener("storage", this.#heard);
    this.#listeners.clear();
  }

  #all() {
    if (this.#values) return this.#values;
    let read = null;
    try {
      read = JSON.parse(storage()?.getItem(this.#name()) ?? "null");
    } catch {
      // Not ours: as if there were nothing.
    }
    this.#values = read !== null && typeof read === "object" && !Array.isArray(read) ? read : {};
    return this.#values;
  }

  #tell(key, value) {
    for (const listener of [...this.#listeners]) listener(key, value);
  }
}
