/**
 * What a page keeps in the browser's storage for a document: its own unsent work, rescue copies
 * of what can't be delivered any more, and what closed tabs left, which it delivers.
 */

import { openClaims } from "./claims.js";
import { Delivery } from "./delivery.js";
import { textOf } from "./content.js";
import { attempt } from "./guarding.js";
import { Delta, insertedText } from "./ot.js";
import { keepsWholeText } from "./refusals.js";
import { Unsent } from "./unsent.js";

/** How often closed tabs' work is looked for, in ms. */
const LOOK_FOR_ORPHANS = 60_000;

export class Keeping {
  /** Whether unacknowledged edits survive this page. */
  kept = true;
  /** The client under whose name this page's work is kept. @type {string | null} */
  client = null;

  #environment;
  #unsent;
  #claims;
  #url;
  #page;
  #releaseClaim = null;
  #released = Promise.resolve(); // when nobody has the name any more under which this page was before
  #delivery = null;
  #orphanTimer = null;

  /**
   * @param {object} options
   * @param {import("./environment.js").Environment} options.environment
   * @param {string} options.namespace tells the Collabs on one site apart: the base path
   * @param {string} options.url of the document's socket
   * @param {import("./content.js").Editor} options.editor
   * @param {() => {id: string, title: string, like: string}} options.document
   * @param {() => boolean} options.connected
   * @param {(rescue: object) => void} options.rescued some work became a rescue copy
   */
  constructor({ environment, namespace, url, editor, document, connected, rescued }) {
    this.#environment = environment;
    this.#unsent = new Unsent(environment, namespace);
    this.#claims = openClaims(environment, namespace);
    this.#url = url;
    this.#page = { editor, document, connected, rescued };
  }

  /** From here on, this page's work is that of `client`. */
  begin(client) {
    this.client = client;
    this.#released = Promise.resolve(this.#releaseClaim?.());
    this.#releaseClaim = this.#claims.take(client);
    this.kept = true;
  }

  close() {
    this.#environment.clearTimeout(this.#orphanTimer);
    this.#delivery?.close();
    this.#releaseClaim?.();
    this.#claims.close();
  }

  // This page's work.

  /** What is pending now. @param {import("./synchronizer.js").Synchronizer} synchronizer */
  save({ identity, machine }) {
    const saved = this.#unsent.save(this.#id, identity, machine);
    this.kept = saved || !machine.inflight;
  }

  /** A client's work is not to be delivered any more. */
  forget(client) {
    if (client) this.#unsent.remove(this.#id, client);
  }

  /** Whether another tab, which could not know that this one lives, took its work over. */
  wasTaken({ client }) {
    return !this.#claims.certain && this.#unsent.wasTaken(this.#id, client);
  }

  // Rescue copies.

  /** Keeps one: of what `delta` inserts, or of the whole text. */
  rescue(error, delta) {
    const { code, message } = error;
    const { editor, document, rescued } = this.#page;
    const whole = keepsWholeText(error);
    const typed = () => insertedText(delta ?? new Delta());
    const text = whole ? attempt(() => textOf(editor, document()), typed()) : typed();
    if (!text) return;
    const { id, title } = document();
    const copy = { document: id, title, reason: code, sentence: message, text, whole };
    const { rescue, kept } = this.#unsent.rescue(copy);
    rescued({ ...rescue, kept });
  }

  /** @returns {import("./unsent.js").Rescue[]} the oldest first */
  rescues() {
    return this.#unsent.rescues(this.#id);
  }

  discardRescue(id) {
    this.#unsent.discardRescue(this.#id, id);
  }

  // Work of others.

  /** Delivers what closed tabs left, now and from time to time. */
  async lookForOrphans() {
    const { document, connected, rescued } = this.#page;
    if (this.#delivery || !connected()) return;
    this.#environment.clearTimeout(this.#orphanTimer);
    this.#delivery = new Delivery({
      environment: this.#environment,
      unsent: this.#unsent,
      claims: this.#claims,
      url: this.#url,
      document: document(),
      rescued,
    });
    try {
      await this.#released;
      await this.#delivery.run();
    } catch (error) {
      this.#environment.report(error); // what is there stays there for the next time
    } finally {
      this.#delivery = null;
    }
    this.#orphanTimer = this.#environment.setTimeout(() => this.lookForOrphans(), LOOK_FOR_ORPHANS);
  }

  get #id() {
    return this.#page.document().id;
  }
}
