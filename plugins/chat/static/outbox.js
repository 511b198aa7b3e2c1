/** Messages that were written and that the server has not confirmed: none of them is lost. */

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

  /** [{key, text, problem}], as they were written; `problem` is a sentence, or null. */
  get waiting() {
    return [...this.#waiting.values()];
  }

  add(text) {
    const key = this.#name();
    this.#waiting.set(key, { key, text, problem: null });
    this.#send({ kind: "post", key, text });
  }

  /** The server has it. False when it is none of ours. */
  confirm(key) {
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
    this.#send({ kind: "post", key, text: entry.text });
  }

  discard(key) {
    this.#waiting.delete(key);
  }

  /** Connected anew: the server takes what it has already for what it is. */
  resend() {
    for (const { key, text, problem } of this.#waiting.values()) {
      if (problem === null) this.#send({ kind: "post", key, text });
    }
  }
}

/** (`crypto.randomUUID` is there on HTTPS pages only.) */
function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
