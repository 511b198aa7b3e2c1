/** Delivers what closed tabs left unsent, through a session without an editor. */

import { composeAll, insertedText } from "./ot.js";
import { deliverableLater } from "./refusals.js";
import { split } from "./splitting.js";
import { Synchronizer } from "./synchronizer.js";

/** Without any progress for so many ms it is left for another time: others may get through. */
const GIVE_UP_AFTER = 30_000;

/** Why work is kept as a rescue copy that can't be brought together with what others wrote. */
const UNFIT = { code: "page_failed", message: "It could not be brought together with what others wrote." };

const OUTRUN = { code: "superseded", message: "A part of it may have been saved before the tab was closed." };

export class Delivery {
  #environment;
  #unsent;
  #marks;
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
   * @param {import("./marks.js").Marks} options.marks
   * @param {ReturnType<typeof import("./claims.js").openClaims>} options.claims
   * @param {string} options.url of the document's socket
   * @param {{id: string, title: string}} options.document
   * @param {(copy: ReturnType<import("./unsent.js").Unsent["rescue"]>) => void} options.rescued
   *   some work became a rescue copy
   */
  constructor({ environment, unsent, marks, claims, url, document, rescued }) {
    this.#environment = environment;
    this.#unsent = unsent;
    this.#marks = marks;
    this.#claims = claims;
    this.#url = url;
    this.#document = document;
    this.#rescued = rescued;
  }

  /** Delivers all there is, one at a time. Resolves to the number of tabs whose work arrived. */
  async run() {
    let delivered = 0;
    for (const { client } of await this.#unsent.records(this.#document.id)) {
      if (this.#closed) break;
      const release = await this.#claims.tryToTake(client.id);
      if (!release) continue; // its tab lives
      try {
        if (await this.#deliver(client.id)) delivered += 1;
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
    // First the mark: whatever its tab, should it wake up, wrote before that is read here.
    if (!this.#claims.certain) this.#marks.set(id, client);
    const record = await this.#unsent.load(id, client);
    if (!record || this.#closed) return false;

    const { error } = await this.#talk(record);
    if (error === undefined || (error && deliverableLater(error))) return false;
    if (error) {
      const { inflight, buffer } = record.client;
      const text = insertedText(composeAll(buffer ? [inflight, buffer] : [inflight]));
      const reason = { reason: error.code, sentence: error.message };
      if (text) {
        const copy = { document: id, title, ...reason, text, whole: false };
        this.#rescued(this.#unsent.rescue(copy));
      }
    }
    this.#unsent.remove(id, client);
    return !error;
  }

  /**
   * @returns {Promise<{error?: {code: string, message: string} | null}>} null:
   *   all arrived; undefined: not now
   */
  #talk(record) {
    return new Promise((resolve) => {
      const { identity, client } = record;
      const { setTimeout, clearTimeout } = this.#environment;
      let timer;
      const moved = () => {
        clearTimeout(timer);
        timer = setTimeout(() => finish({}), GIVE_UP_AFTER);
      };
      const finish = (outcome) => {
        clearTimeout(timer);
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
          outrun: () => finish({ error: sentAtOnce(record, synchronizer) ? null : OUTRUN }),
          pendingChanged: () => {
            moved();
            // Before the next part goes out: sent again, it has to be the same part.
            record.client = { ...record.client, ...pendingOf(synchronizer.machine) };
            this.#unsent.save(record.document, synchronizer.identity, synchronizer.machine, { strict: true });
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
      moved();
      synchronizer.open();
    });
  }
}

/**
 * Whether all that is recorded has gone out when a number after that of its first part is used:
 * the record is older than what its tab sent last.
 */
function sentAtOnce({ client: { buffer } }, { limits }) {
  return !buffer || split(buffer, limits).rest === null;
}

function pendingOf({ revision, sequence, inflight, buffer }) {
  return { revision, sequence, inflight, buffer };
}
