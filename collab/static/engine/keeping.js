/**
 * What a page keeps in the browser's storage for a document: its own unsent work, rescue copies
 * of what can't be delivered any more, and what closed tabs left, which it delivers.
 */

import { openClaims } from "./claims.js";
import { Delivery } from "./delivery.js";
import { textOf } from "./content.js";
import { attempt } from "./guarding.js";
import { Delta, insertedText } from "./ot.js";
import { Marks } from "./marks.js";
import { bringOver } from "./migration.js";
import { keepsWholeText } from "./refusals.js";
import { Unsent } from "./unsent.js";

/** How often closed tabs' work is looked for, in ms. */
const LOOK_FOR_ORPHANS = 60_000;

/** How long a rescue copy may take to be written until it counts as not kept, in ms. */
const WRITTEN_WITHIN = 5_000;

export class Keeping {
  /** Whether all unacknowledged edits are on this computer's disk. */
  kept = true;
  /** Edits of this page that are left to a delivery, which is not through yet. */
  owed = 0;
  /** Whether the browser's storage takes what it is given. */
  keeps = true;
  /** The client under whose name this page's work is kept. @type {string | null} */
  client = null;

  #environment;
  #namespace;
  #unsent;
  #marks;
  #saves = 0;
  #owing = new Map();
  #secured = false; // whether the newest state is being written to the disk itself
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
   * @param {() => boolean} options.atRisk whether unsent edits have to be on the disk at once
   * @param {() => void} options.changed `kept` or `keeps` did
   * @param {(rescue: object) => void} options.rescued some work became a rescue copy
   */
  constructor({ environment, namespace, url, ...page }) {
    this.#environment = environment;
    this.#namespace = namespace;
    this.#unsent = new Unsent(environment, namespace);
    this.#claims = openClaims(environment, namespace);
    this.#marks = new Marks(environment, namespace);
    this.#url = url;
    this.#page = page;
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
  async save({ identity, machine }) {
    const mine = ++this.#saves;
    const strict = this.#page.atRisk();
    this.#secured = strict || !machine.inflight;
    this.kept = !machine.inflight;
    const outcome = await this.#unsent.save(this.#page.document(), identity, machine, { strict });
    if (mine !== this.#saves) return; // there is a newer state
    this.keeps = outcome !== "refused";
    this.kept ||= outcome === "strict";
    this.#page.changed();
  }

  /** What is pending is on the disk soon, should it not be already. */
  secure(synchronizer) {
    if (!this.#secured && this.#page.atRisk()) this.save(synchronizer);
  }

  /** A client's work is not to be delivered any more. */
  forget(client) {
    if (client) this.#unsent.remove(this.#id, client);
  }

  /** A client's work is left to the next delivery: `count` edits of it. */
  owe(client, count) {
    if (!count) return;
    this.#owing.set(client, count);
    this.#count();
  }

  async #stillOwing() {
    for (const client of [...this.#owing.keys()]) {
      if (!(await this.#unsent.load(this.#id, client))) this.#owing.delete(client);
    }
    this.#count();
    this.#page.changed();
  }

  #count() {
    this.owed = [...this.#owing.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Whether another tab, which could not know that this one lives, took its work over. */
  wasTaken({ client }) {
    return !this.#claims.certain && this.#marks.has(this.#id, client);
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
    this.#tell(this.#unsent.rescue(copy));
  }

  /** Tells of a rescue copy once it is known whether it is kept. */
  async #tell({ rescue, written }) {
    const late = new Promise((resolve) => {
      const timer = this.#environment.setTimeout(() => resolve("late"), WRITTEN_WITHIN);
      written.then(() => this.#environment.clearTimeout(timer));
    });
    const kept = (await Promise.race([written, late])) === "strict";
    this.#page.rescued({ ...rescue, kept });
  }

  /** @returns {Promise<import("./unsent.js").Rescue[]>} the oldest first */
  async rescues() {
    await this.#bringOver();
    return this.#unsent.rescues(this.#id);
  }

  #bringOver() {
    return bringOver(this.#environment, this.#namespace, this.#unsent, this.#claims);
  }

  discardRescue(id) {
    this.#unsent.discardRescue(this.#id, id);
  }

  // Work of others.

  /** Delivers what closed tabs left, now and from time to time. */
  async lookForOrphans() {
    const { document, connected } = this.#page;
    if (this.#delivery || !connected()) return;
    this.#environment.clearTimeout(this.#orphanTimer);
    this.#delivery = new Delivery({
      environment: this.#environment,
      unsent: this.#unsent,
      marks: this.#marks,
      claims: this.#claims,
      url: this.#url,
      document: document(),
      rescued: (copy) => this.#tell(copy),
    });
    try {
      await this.#released;
      await this.#bringOver();
      await this.#delivery.run();
      await this.#stillOwing();
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
