/**
 * What was typed and is not acknowledged, kept in the browser's storage so that a closed or
 * crashed tab loses nothing; and rescue copies of what can't be delivered any more.
 *
 * Only pending deltas are written, never the document. Everything here is synchronous:
 * when `save` returns, the work survives the tab.
 */

import { Delta } from "./ot.js";

/** How long a mark that a client's work was taken over stays, in ms. */
const MARK_KEPT = 30 * 24 * 3600 * 1000;

/**
 * @typedef {object} UnsentRecord
 * @property {string} document
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
 */

export class Unsent {
  #storage;
  #now;
  #token;
  #prefix;
  /** Rescue copies that the storage had no room for: they live as long as the page. */
  #homeless = [];

  /**
   * @param {import("./environment.js").Environment} environment
   * @param {string} namespace tells the Collabs on one site apart: the base path
   */
  constructor(environment, namespace) {
    this.#storage = environment.storage;
    this.#now = environment.now;
    this.#token = environment.token;
    this.#prefix = `collab:${namespace}`;
  }

  /**
   * Keeps what `client` has pending, or forgets it when everything is acknowledged.
   *
   * @param {string} document id
   * @param {import("./synchronizer.js").Identity} identity
   * @param {import("./client.js").Client} client
   * @returns {boolean} false when the browser's storage refused
   */
  save(document, identity, client) {
    if (!client.inflight) return this.remove(document, identity.client);
    const { revision, sequence, inflight, buffer } = client;
    const record = {
      ...identity,
      revision,
      sequence,
      inflight: inflight.ops,
      buffer: buffer?.ops ?? null,
      saved: this.#now() / 1000,
    };
    return this.#write(this.#key("unsent", document, identity.client), record);
  }

  /** @returns {boolean} */
  remove(document, client) {
    return this.#erase(this.#key("unsent", document, client));
  }

  /** The client ids whose work on the document waits here, live tabs' too. */
  clients(document) {
    const prefix = this.#key("unsent", document, "");
    return this.#keys(prefix).map((key) => key.slice(prefix.length));
  }

  /** @returns {UnsentRecord | null} */
  load(document, client) {
    const record = this.#read(this.#key("unsent", document, client));
    if (!record) return null;
    const { secret, epoch, revision, sequence, inflight, buffer, saved } = record;
    return {
      document,
      identity: { client, secret, epoch },
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

  /** Marks that another tab delivers this client's work: should its own tab wake up, it knows. */
  markTaken(document, client) {
    const now = this.#now();
    for (const key of this.#keys(this.#key("taken", document, ""))) {
      if (this.#read(key) < now - MARK_KEPT) this.#erase(key);
    }
    this.#write(this.#key("taken", document, client), now);
  }

  /** Whether another tab took this client's work over. */
  wasTaken(document, client) {
    return this.#read(this.#key("taken", document, client)) !== null;
  }

  /**
   * Keeps a rescue copy.
   *
   * @param {Omit<Rescue, "id" | "saved">} copy
   * @returns {{rescue: Rescue, kept: boolean}} kept: whether it survives the page
   */
  rescue(copy) {
    const rescue = { ...copy, id: this.#token(), saved: this.#now() / 1000 };
    const kept = this.#write(this.#key("rescue", copy.document, rescue.id), rescue);
    if (!kept) this.#homeless.push(rescue);
    return { rescue, kept };
  }

  /** @returns {Rescue[]} of the document, the oldest first */
  rescues(document) {
    const stored = this.#keys(this.#key("rescue", document, "")).map((key) => this.#read(key));
    const here = this.#homeless.filter((rescue) => rescue.document === document);
    return [...stored, ...here].filter(Boolean).sort((a, b) => a.saved - b.saved);
  }

  discardRescue(document, id) {
    this.#homeless = this.#homeless.filter((rescue) => rescue.id !== id);
    this.#erase(this.#key("rescue", document, id));
  }

  #key(kind, document, name) {
    return `${this.#prefix}:${kind}:${document}:${name}`;
  }

  #keys(prefix) {
    return this.#attempt([], (storage) => {
      const keys = [];
      for (let i = 0; i < storage.length; i++) keys.push(storage.key(i));
      return keys.filter((key) => key.startsWith(prefix));
    });
  }

  #read(key) {
    return this.#attempt(null, (storage) => JSON.parse(storage.getItem(key)));
  }

  #write(key, value) {
    return this.#attempt(false, (storage) => {
      storage.setItem(key, JSON.stringify(value));
      return true;
    });
  }

  #erase(key) {
    return this.#attempt(false, (storage) => {
      storage.removeItem(key);
      return true;
    });
  }

  /** Storage may be missing, forbidden or full: that must never stop anybody's typing. */
  #attempt(otherwise, access) {
    if (!this.#storage) return otherwise;
    try {
      return access(this.#storage);
    } catch {
      return otherwise;
    }
  }
}
