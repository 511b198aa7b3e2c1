/** Delivers what closed tabs left unsent, in all documents, from a page that has none of them open. */

import { openClaims } from "./claims.js";
import { Delivery } from "./delivery.js";
import { socketURL } from "./environment.js";
import { Marks } from "./marks.js";
import { bringOver } from "./migration.js";
import { Unsent } from "./unsent.js";

/** How often it is looked for, in ms. */
const LOOK_AGAIN = 60_000;

export class Deliverer {
  #environment;
  #basePath;
  #claims;
  #marks;
  #changed;
  #except;
  #delivery = null;
  #running = null;
  #timer = null;
  #closed = false;
  #unsubscribe;

  /**
   * @param {object} options
   * @param {import("./environment.js").Environment} options.environment
   * @param {string} options.basePath
   * @param {string | null} [options.except] a document that this page has open: its own engine delivers there
   * @param {() => void} [options.changed] something arrived, or became a rescue copy
   */
  constructor({ environment, basePath, except = null, changed = () => {} }) {
    this.#environment = environment;
    this.#basePath = basePath;
    this.#except = except;
    this.#changed = changed;
    this.unsent = new Unsent(environment, basePath);
    this.#claims = openClaims(environment, basePath);
    this.#marks = new Marks(environment, basePath);
  }

  /** Looks now, from time to time, and when the network is back. */
  start() {
    this.#unsubscribe = this.#environment.onWake(() => this.run());
    return this.run();
  }

  close() {
    this.#closed = true;
    this.#environment.clearTimeout(this.#timer);
    this.#unsubscribe?.();
    this.#delivery?.close();
    this.#claims.close();
  }

  /** Delivers all there is, one tab's work after the other. */
  run() {
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
      if (this.#closed) return;
      this.#environment.clearTimeout(this.#timer);
      this.#timer = this.#environment.setTimeout(() => this.run(), LOOK_AGAIN);
    });
    return this.#running;
  }

  async #round() {
    try {
      await bringOver(this.#environment, this.#basePath, this.unsent, this.#claims);
      const documents = new Map();
      for (const { document } of await this.unsent.records()) documents.set(document.id, document);
      documents.delete(this.#except);
      for (const document of documents.values()) {
        if (this.#closed) return;
        await this.#deliver(document);
      }
    } catch (error) {
      this.#environment.report(error); // what is there stays there for the next time
    }
  }

  async #deliver(document) {
    const path = `${this.#basePath}/api/documents/${encodeURIComponent(document.id)}/socket`;
    const written = [];
    this.#delivery = new Delivery({
      environment: this.#environment,
      unsent: this.unsent,
      marks: this.#marks,
      claims: this.#claims,
      url: socketURL(path, this.#environment.address),
      document,
      rescued: (copy) => written.push(copy.written),
    });
    const delivered = await this.#delivery.run();
    this.#delivery = null;
    await Promise.all(written);
    if (delivered || written.length) this.#changed();
  }

  /** Whether no tab has that client's work any more. Then `act` is done with it, before any tab can take it. */
  async ifLeft(client, act) {
    const release = await this.#claims.tryToTake(client);
    if (!release) return false;
    try {
      await act();
    } finally {
      release();
    }
    return true;
  }
}
