/**
 * What was typed and is not acknowledged, kept in the browser's database so that a closed tab or
 * a killed browser loses nothing; and rescue copies of what can't be delivered any more.
 *
 * Only pending deltas are written, never the document. Typing never waits for it: what changes
 * while one transaction is on its way goes into the next one, in its newest state.
 */

import { Delta } from "./ot.js";

/**
 * @typedef {object} UnsentRecord
 * @property {{id: string, title: string}} document
 * @property {import("./synchronizer.js").Identity} identity
 * @property {{id: string, revision: number, sequence: number, inflight: Delta,
 *   buffer: Delta | null}} client as `Client` takes it
 * @property {number} saved seconds since 1970
 *
 * @typedef {object} Rescue
 * @property {string} id
 * @property {string} document
 * @property {string} title of the document
 * @property {string} reason error code
 * @property {string} sentence for a person
 * @property {string} text what was typed, or the whole text where `whole` is true
 * @property {boolean} whole
 * @property {number} saved seconds since 1970
 *
 * @typedef {"strict" | "relaxed" | "refused"} Outcome strict: on the disk; relaxed: with the
 *   browser; refused: nowhere but on this page
 */

export class Unsent {
  #database;
  #now;
  #token;
  #namespace;
  /** What this page put and the database does not have: text of the key → [key, value]. */
  #here = new Map();
  #next = null; // what goes into the next transaction
  #last = Promise.resolve();
  #writes = 0; // that succeeded

  /**
   * @param {import("./environment.js").Environment} environment
   * @param {string} namespace tells the Collabs on one site apart: the base path
   */
  constructor(environment, namespace) {
    this.#database = environment.database;
    this.#now = environment.now;
    this.#token = environment.token;
    this.#namespace = namespace;
    environment.onLeave(() => this.#writeNext());
  }

  /**
   * Keeps what `client` has pending, or forgets it when everything is acknowledged.
   *
   * @param {{id: string, title: string}} document
   * @param {import("./synchronizer.js").Identity} identity
   * @param {import("./client.js").Client} client
   * @param {{strict: boolean}} how whether it has to be on the disk
   * @returns {Promise<Outcome>}
   */
  save({ id, title }, identity, client, { strict }) {
    if (!client.inflight) return this.remove(id, identity.client);
    const { revision, sequence, inflight, buffer } = client;
    const record = {
      ...identity,
      title,
      revision,
      sequence,
      inflight: inflight.ops,
      buffer: buffer?.ops ?? null,
      saved: this.#now() / 1000,
    };
    return this.#put(["unsent", id, identity.client], record, strict);
  }

  /** @returns {Promise<Outcome>} */
  remove(document, client) {
    return this.#put(["unsent", document, client], undefined, false);
  }

  /**
   * What waits here, live tabs' work too, the oldest first.
   * @param {string} [document] only what was written in it
   * @returns {Promise<UnsentRecord[]>}
   */
  async records(document) {
    const found = await this.#entries(document === undefined ? ["unsent"] : ["unsent", document]);
    return found.map(([[id, client], record]) => recordOf(id, client, record)).sort(byTime);
  }

  /** @returns {Promise<UnsentRecord | null>} */
  async load(document, client) {
    const found = await this.records(document);
    return found.find(({ identity }) => identity.client === client) ?? null;
  }

  /**
   * Keeps a rescue copy.
   *
   * @param {Omit<Rescue, "id" | "saved">} copy
   * @returns {{rescue: Rescue, written: Promise<Outcome>}}
   */
  rescue(copy) {
    const rescue = { ...copy, id: this.#token(), saved: this.#now() / 1000 };
    return { rescue, written: this.#put(["rescue", copy.document, rescue.id], rescue, true) };
  }

  /**
   * @param {string} [document] only those of it
   * @returns {Promise<Rescue[]>} the oldest first
   */
  async rescues(document) {
    const found = await this.#entries(document === undefined ? ["rescue"] : ["rescue", document]);
    return found.map(([, rescue]) => rescue).sort(byTime);
  }

  /** @returns {Promise<Outcome>} */
  discardRescue(document, id) {
    return this.#put(["rescue", document, id], undefined, true);
  }

  /** Takes in an entry as an earlier version of Collab kept it. @returns {Promise<Outcome>} */
  adopt(kind, document, name, value) {
    return this.#put([kind, document, name], value, true);
  }

  #put(path, value, strict) {
    const key = [this.#namespace, ...path];
    const name = JSON.stringify(key);
    const change = [key, value];
    this.#here.set(name, change);
    if (!this.#next) {
      const next = { changes: new Map(), strict: false };
      next.written = this.#last.then(() => next.outcome ?? this.#writeNext());
      this.#next = next;
      this.#last = next.written;
    }
    this.#next.changes.set(name, change);
    this.#next.strict ||= strict;
    return this.#next.written;
  }

  /** Writes what waits, at once. */
  #writeNext() {
    const next = this.#next;
    if (!next) return undefined;
    this.#next = null;
    next.outcome = this.#write(next);
    return next.outcome;
  }

  /** @returns {Promise<Outcome>} */
  async #write({ changes, strict }) {
    try {
      await this.#database.write([...changes.values()], { strict });
    } catch {
      return "refused"; // forbidden or full: that must never stop anybody's typing
    }
    this.#writes += 1;
    for (const [name, change] of changes) {
      if (this.#here.get(name) === change) this.#here.delete(name);
    }
    return strict ? "strict" : "relaxed";
  }

  /** The entries below `path`: [the rest of the key, value]. */
  async #entries(path) {
    const prefix = [this.#namespace, ...path];
    const found = new Map();
    const take = ([key, value]) => {
      if (!prefix.every((part, index) => key[index] === part)) return;
      const rest = key.slice(2); // namespace and kind
      if (value === undefined) found.delete(JSON.stringify(rest));
      else found.set(JSON.stringify(rest), [rest, value]);
    };
    let stored;
    let writes;
    do {
      writes = this.#writes; // what is written meanwhile is neither there nor here
      stored = await this.#database.entries(prefix).catch(() => []);
    } while (writes !== this.#writes);
    stored.forEach(take);
    for (const change of this.#here.values()) take(change);
    return [...found.values()];
  }
}

const byTime = (a, b) => a.saved - b.saved;

function recordOf(id, client, record) {
  const { secret, epoch, hash = null, title, revision, sequence, inflight, buffer, saved } = record;
  return {
    document: { id, title: title ?? "" },
    identity: { client, secret, epoch, hash },
    client: {
      id: client,
      revision,
      sequence,
      inflight: new Delta(inflight),
      buffer: buffer && new Delta(buffer),
    },
    saved,
  };
}
