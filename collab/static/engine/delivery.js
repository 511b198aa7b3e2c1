/** Delivers what closed tabs left unsent, through a session without an editor. */

import { composeAll, insertedText } from "./ot.js";
import { deliverableLater } from "./refusals.js";
import { Synchronizer } from "./synchronizer.js";

/** Why work is kept as a rescue copy that can't be brought together with what others wrote. */
const UNFIT = { code: "page_failed", message: "It could not be brought together with what others wrote." };

export class Delivery {
  #environment;
  #unsent;
  #claims;
  #url;
  #document;
  #rescued;
  #current = null;
  #closed = false;

  /**
   * @param {object} options
   * @param {import("./environment.js").Environment} options.environment
   * @param {import("./unsent.js").Unsent} options.unsent
   * @param {ReturnType<typeof import("./claims.js").openClaims>} options.claims
   * @param {string} options.url of the document's socket
   * @param {{id: string, title: string}} options.document
   * @param {(rescue: object) => void} options.rescued some work became a rescue copy
   */
  constructor({ environment, unsent, claims, url, document, rescued }) {
    this.#environment = environment;
    this.#unsent = unsent;
    this.#claims = claims;
    this.#url = url;
    this.#document = document;
    this.#rescued = rescued;
  }

  /** Delivers all there is, one at a time. Resolves to the number of tabs whose work arrived. */
  async run() {
    let delivered = 0;
    for (const client of this.#unsent.clients(this.#document.id)) {
      if (this.#closed) break;
      const release = await this.#claims.tryToTake(client);
      if (!release) continue; // its tab lives
      try {
        if (await this.#deliver(client)) delivered += 1;
      } finally {
        release();
      }
    }
    return delivered;
  }

  /** Stops; what is not delivered stays in the storage. */
  close() {
    this.#closed = true;
    this.#current?.();
  }

  /** @returns {Promise<boolean>} whether everything was acknowledged */
  async #deliver(client) {
    const { id, title } = this.#document;
    const record = this.#unsent.load(id, client);
    if (!record || this.#closed) return false;
    if (!this.#claims.certain) this.#unsent.markTaken(id, client);

    const { error } = await this.#talk(record);
    if (error === undefined || (error && deliverableLater(error))) return false;
    if (error) {
      const { inflight, buffer } = record.client;
      const text = insertedText(composeAll(buffer ? [inflight, buffer] : [inflight]));
      const reason = { reason: error.code, sentence: error.message };
      if (text) {
        const copy = { document: id, title, ...reason, text, whole: false };
        const { rescue, kept } = this.#unsent.rescue(copy);
        this.#rescued({ ...rescue, kept });
      }
    }
    this.#unsent.remove(id, client);
    return !error;
  }

  /**
   * @returns {Promise<{error?: {code: string, message: string} | null}>} null:
   *   all arrived; undefined: closed on the way
   */
  #talk(record) {
    return new Promise((resolve) => {
      const { identity, client } = record;
      const finish = (outcome) => {
        this.#current = null;
        synchronizer.close();
        resolve(outcome);
      };
      const done = () => {
        if (synchronizer.synchronized) finish({ error: null });
      };
      const synchronizer = new Synchronizer({
        url: this.#url,
        environment: this.#environment,
        from: { identity, client },
        owner: {
          fresh: () => {},
          remote: () => {},
          welcomed: done,
          pendingChanged: () => {
            // Before the next part goes out: sent again, it has to be the same part.
            record.client = { ...record.client, ...pendingOf(synchronizer.machine) };
            this.#unsent.save(record.document, identity, synchronizer.machine);
            done();
          },
          lost: (error) => finish({ error }),
          failed: (thrown) => {
            this.#environment.report(thrown);
            finish({ error: UNFIT });
          },
        },
      });
      this.#current = () => finish({});
      synchronizer.open();
    });
  }
}

function pendingOf({ revision, sequence, inflight, buffer }) {
  return { revision, sequence, inflight, buffer };
}
