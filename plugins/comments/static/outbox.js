/** What was written and the server has not confirmed: none of it is lost. */

export class Outbox {
  #send;
  #name;
  #waiting = new Map();

  /**
   * @param {(data: object) => boolean} send false when not connected
   * @param {() => string} name makes a name that nobody else makes
   */
  constructor(send, name = randomName) {
    this.#send = send;
    this.#name = name;
  }

  /** [{key, text, thread, problem}] as they were written; `thread` is null for a new one. */
  get waiting() {
    return [...this.#waiting.values()];
  }

  /**
   * @param {string} text
   * @param {string | null} thread
   * @param {() => object | null} make what to send besides; null: not now, `flush` tries again
   * @param {() => void} [end] called when it needs no more sending
   */
  add(text, thread, make, end = () => {}) {
    const key = this.#name();
    this.#waiting.set(key, { key, text, thread, make, end, sent: false, problem: null });
    this.flush();
  }

  /** Sends what can be sent now. */
  flush() {
    for (const entry of this.#waiting.values()) {
      if (entry.sent || entry.problem !== null) continue;
      const data = entry.make();
      if (data) entry.sent = this.#send({ ...data, key: entry.key, text: entry.text });
    }
  }

  /** A connection ended: the server takes what it has already for what it is. */
  lost() {
    for (const entry of this.#waiting.values()) entry.sent = false;
  }

  /** The server has it. False when it is none of ours. */
  confirm(key) {
    this.#waiting.get(key)?.end();
    return this.#waiting.delete(key);
  }

  refuse(key, problem) {
    const entry = this.#waiting.get(key);
    if (entry) entry.problem = problem;
    return entry !== undefined;
  }

  retry(key) {
    const entry = this.#waiting.get(key);
    if (!entry) return;
    entry.problem = null;
    entry.sent = false;
    this.flush();
  }

  discard(key) {
    this.confirm(key);
  }
}

/** (`crypto.randomUUID` is there on HTTPS pages only.) */
function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
