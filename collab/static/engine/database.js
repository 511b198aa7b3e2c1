/**
 * The browser's database: entries by key, which survive the tab, and the browser where that was
 * asked for. `localStorage` won't do: Chromium writes it some twenty seconds later.
 *
 * Keys are arrays of strings. What can't be stored or read rejects; nothing here waits for another tab.
 */

import { openDB } from "../vendor/idb.js";

const NAME = "collab";
const ENTRIES = "entries";

/** The version of the database's form: the one store `ENTRIES`. */
const VERSION = 1;

export class Database {
  #open = null; // the database, once it is there
  #opening = null;

  /** The entries whose keys begin with `prefix`. @returns {Promise<Array<[string[], unknown]>>} */
  async entries(prefix) {
    const database = this.#open ?? (await this.#opened());
    const { store, done } = database.transaction(ENTRIES);
    const range = IDBKeyRange.bound(prefix, [...prefix, []]); // an array sorts behind every string
    const [keys, values] = await Promise.all([store.getAllKeys(range), store.getAll(range), done]);
    return keys.map((key, index) => [key, values[index]]);
  }

  /**
   * Writes all of the changes, or none. A value that is undefined takes the entry away.
   * @param {Array<[string[], unknown]>} changes
   * @param {{strict: boolean}} how strict: resolves when it is on the disk. Otherwise the system
   *   has it, which is quicker: it survives the tab, but not a power cut
   */
  async write(changes, { strict }) {
    const database = this.#open ?? (await this.#opened());
    const durability = strict ? "strict" : "relaxed";
    const transaction = database.transaction(ENTRIES, "readwrite", { durability });
    const { store, done } = transaction;
    const requests = changes.map(([key, value]) =>
      value === undefined ? store.delete(key) : store.put(value, key),
    );
    transaction.commit(); // without waiting for this page, which may be about to go
    await Promise.all([...requests, done]);
  }

  #opened() {
    this.#opening ??= openDB(NAME, VERSION, {
      upgrade: (database) => void database.createObjectStore(ENTRIES),
      blocking: (_current, _blocked, event) => this.#over(event.target),
      terminated: () => this.#over(null),
    }).then(
      (database) => (this.#open = database),
      (error) => {
        this.#opening = null; // the next one tries again
        throw error;
      },
    );
    return this.#opening;
  }

  /** Another version of Collab wants the database in another form, or the browser took it away. */
  #over(database) {
    database?.close();
    this.#open = this.#opening = null;
  }
}
