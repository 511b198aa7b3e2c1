/** The text of a document that can't be opened, to read: what is sent needs no WebSocket. */

/** It is asked for again no sooner than this many ms after the last time. */
const READ_AGAIN = 10_000;

export class Reading {
  #url;
  #environment;
  #show;
  #readAt = -Infinity;

  /**
   * @param {object} options
   * @param {string} options.url of the socket
   * @param {import("./environment.js").Environment} options.environment
   * @param {(content: import("./ot.js").Delta) => void} options.show
   */
  constructor({ url, environment, show }) {
    this.#url = url;
    this.#environment = environment;
    this.#show = show;
  }

  /** Shows the text as the server has it; often enough when it is called at each failed try. */
  async read() {
    const now = this.#environment.now();
    if (now < this.#readAt + READ_AGAIN) return;
    this.#readAt = now;
    const content = await this.#environment.readOver(this.#url);
    if (content) this.#show(content);
  }
}
