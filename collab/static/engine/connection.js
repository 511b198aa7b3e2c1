/**
 * One lasting connection to a document's room: a WebSocket that comes back.
 *
 * It knows when the line is dead, when to try again and when not to; what is said over it
 * is `synchronizer.js`'s business. Times here are milliseconds.
 */

import { guard } from "./guarding.js";

/** The first wait before trying again is random up to this; each further one up to twice that. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;

/** How long a connection has to stand before the waits start small again. */
const HEALTHY_AFTER = 10_000;

/** Sockets in a row that came to nothing, while HTTP got through, until we say that they are blocked. */
const BLOCKED_AFTER = 2;

/** How long the handshake and the server's welcome may take. */
const OPEN_WITHIN = 15_000;
const WELCOME_WITHIN = 60_000;

/** After this much silence we ask whether the server is still there, and how long it may take. */
const PING_AFTER = 20_000;
const PONG_WITHIN = 10_000;

/** A timer this late means that the page was asleep, and its news may still be on the way. */
const OVERSLEPT = 5_000;

/** What a close code says when no message came before it. */
const CLOSE_REASONS = {
  1003: "binary_frame",
  1009: "message_too_large",
  4400: "bad_request",
  4401: "bad_token",
  4403: "forbidden",
  4404: "no_document",
  4406: "unsupported_protocol",
  4410: "deleted",
};

/** The close code of a line that was cut: an error told before was about something else. */
const CUT = 1006;

/** In JSON: a backslash, or half a character, which `JSON.stringify` has to escape. */
const ESCAPES = /\\\\|\\ud[89a-f][0-9a-f]{2}/g;

/** The frame with a message. Half a character is U+FFFD: the server would end the connection for it. */
function encoded(message) {
  const json = JSON.stringify([message]);
  return json.includes("\\ud") ? json.replace(ESCAPES, (found) => (found === "\\\\" ? found : "\uFFFD")) : json;
}

/** @typedef {"connecting" | "connected" | "offline" | "refused"} ConnectionStatus */

export class Connection {
  /** @type {ConnectionStatus} */
  status = "offline";
  /** Why it ended last, in the server's words: {code, message} or null. */
  error = null;
  /** When the next try comes, in ms since 1970, or null. */
  retryAt = null;
  /** Whether the server is there, but something on the way lets no WebSocket through. */
  blocked = false;

  #url;
  #hello;
  #receive;
  #changed;
  #failed;
  #environment;
  #socket = null;
  #opened = false; // whether this socket's handshake succeeded
  #greeted = false; // whether anything was heard on it
  #blockedTries = 0; // in a row
  #farewell = null; // the last error or goodbye of this socket: why it closes
  #attempts = 0;
  #notBefore = 0; // the server asked not to come back earlier
  #retryTimer = null;
  #watchTimer = null;
  #heardAt = 0;
  #probing = false;
  #healthyTimer = null;
  #unsubscribe = null;

  /**
   * @param {object} options
   * @param {string} options.url ws: or wss:
   * @param {() => object} options.hello the first message of each connection
   * @param {(message: object) => void} options.receive every message but pong
   * @param {() => void} options.changed `status`, `error` or `retryAt` changed
   * @param {(error: unknown) => void} options.failed what was received could not be taken in
   * @param {import("./environment.js").Environment} options.environment
   */
  constructor({ url, hello, receive, changed, failed, environment }) {
    this.#url = url;
    this.#hello = hello;
    this.#receive = receive;
    this.#changed = changed;
    this.#failed = failed;
    this.#environment = environment;
  }

  /** Connects, and stays connected until `close` or a refusal. */
  open() {
    this.#unsubscribe ??= this.#environment.onWake(() => this.#wake());
    this.#connect();
  }

  /** Ends it for good. */
  close() {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#drop();
    this.#become("offline");
  }

  /** Drops the socket and connects again: at once, but not over and over. */
  restart() {
    if (this.#attempts) {
      this.#fail(null);
    } else {
      this.#attempts = 1;
      this.#connect();
    }
  }

  /** Tries now instead of later, after a refusal too. */
  retry() {
    if (this.status === "offline" || this.status === "refused") this.#connect();
  }

  /**
   * Sends one message.
   * @param {object} message
   * @param {number} [most] bytes that the server takes: what is larger would end the connection
   * @returns {boolean} false when there is no line to send it on
   * @throws {RangeError} when it is larger; then it was not sent
   */
  send(message, most = Infinity) {
    if (this.status !== "connected") return false;
    const frame = encoded(message);
    const bytes = frame.length * 3 > most ? new TextEncoder().encode(frame).length : 0;
    if (bytes > most) throw new RangeError(`a message may have ${most} bytes of JSON, not ${bytes}`);
    this.#socket.send(frame);
    return true;
  }

  /** The server acknowledged something: the next trouble is a new one. */
  healthy() {
    this.#attempts = 0;
  }

  /** Asks the server whether it is there; the line is given up when no word comes in time. */
  probe() {
    if (this.status !== "connected" || this.#probing) return;
    this.#probing = true;
    this.send({ type: "ping" });
    this.#watch(PONG_WITHIN, () => this.#fail(null));
  }

  /** Ends this connection as the server's `error` {code, message} demands: for good. */
  refuse(error) {
    this.#fail({ ...error, retry: false });
  }

  #connect() {
    this.#drop();
    this.retryAt = null;
    this.#become("connecting");
    let socket;
    try {
      socket = new this.#environment.WebSocket(this.#url);
    } catch (error) {
      this.#fail({ code: "bad_address", message: String(error.message ?? error), retry: false });
      return;
    }
    this.#socket = socket;
    this.#opened = this.#greeted = false;
    this.#farewell = null;
    const current = (handle) =>
      guard((event) => this.#socket === socket && handle(event), this.#failed);
    socket.onopen = current(() => {
      this.#opened = true;
      socket.send(encoded(this.#hello()));
      this.#watch(WELCOME_WITHIN, () => this.#unreached());
    });
    socket.onmessage = current(({ data }) => this.#heard(socket, data));
    socket.onclose = current(({ code }) => this.#closed(code));
    // Browsers tell of a failed handshake by both events, others by this one only.
    socket.onerror = current(() => this.#opened || this.#closed(CUT));
    this.#watch(OPEN_WITHIN, () => this.#unreached());
  }

  #heard(socket, data) {
    this.#heardAt = this.#environment.now();
    this.#greeted = true;
    this.#blockedTries = 0;
    this.blocked = false;
    if (this.#probing) {
      this.#probing = false;
      this.#watchSilence();
    }
    for (const message of JSON.parse(data)) {
      if (this.#socket !== socket) return; // a message before this one ended it
      if (message.type === "pong") continue;
      if (message.type === "welcome") this.#welcomed();
      if (message.type === "goodbye") {
        const { code, message: sentence, retry_after: wait = null } = message;
        this.#fail({ code, message: sentence, retry: wait !== null, retry_after: wait });
        return;
      }
      if (message.type === "error" && message.sequence === undefined) this.#farewell = message;
      this.#receive(message);
    }
  }

  #welcomed() {
    this.error = null;
    this.#notBefore = 0;
    this.#become("connected");
    this.#watchSilence();
    this.#healthyTimer = this.#environment.setTimeout(() => this.healthy(), HEALTHY_AFTER);
  }

  /** One timer at a time watches over the line; a page that was asleep gets another chance. */
  #watch(wait, expired) {
    const { setTimeout, clearTimeout, now } = this.#environment;
    clearTimeout(this.#watchTimer);
    const due = now() + wait;
    this.#watchTimer = setTimeout(() => {
      if (now() > due + OVERSLEPT) this.#watch(Math.min(wait, PONG_WITHIN), expired);
      else expired();
    }, wait);
  }

  #watchSilence() {
    const silence = this.#environment.now() - this.#heardAt;
    this.#watch(Math.max(PING_AFTER - silence, 1), () => {
      if (this.#environment.now() - this.#heardAt >= PING_AFTER) this.probe();
      else this.#watchSilence();
    });
  }

  #closed(code) {
    const reason = CLOSE_REASONS[code];
    if (this.#farewell && (this.#farewell.retry || code !== CUT)) this.#fail(this.#farewell);
    else if (reason) this.#fail({ code: reason, message: "The server refused.", retry: false });
    else if (this.#greeted) this.#fail(null);
    else this.#unreached();
  }

  /** Nothing came over this socket, and a page is not told why. */
  #unreached() {
    this.#fail(null);
    guard(() => this.#askWhy(), this.#failed)();
  }

  /** The document's own address may say it. */
  async #askWhy() {
    const attempt = this.#attempts;
    const { refused, blocked } = await this.#environment.inquire(this.#url);
    if (attempt !== this.#attempts || this.status === "connected") return;
    if (refused && this.status === "offline") {
      this.refuse(refused);
      return;
    }
    this.#blockedTries = blocked ? this.#blockedTries + 1 : 0;
    this.blocked = this.#blockedTries >= BLOCKED_AFTER;
    this.#changed();
  }

  /** This socket is over. Without an error, or with one that may pass, another one follows. */
  #fail(error) {
    this.#drop();
    this.error = error;
    if (error && !error.retry) {
      this.#become("refused");
      return;
    }
    const { now, random, setTimeout } = this.#environment;
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempts);
    this.#attempts += 1;
    const asked = (error?.retry_after ?? 0) * 1000;
    this.#notBefore = now() + asked;
    const wait = asked + random() * longest;
    this.retryAt = now() + wait;
    this.#retryTimer = setTimeout(() => this.#connect(), wait);
    this.#become("offline");
  }

  /** The network is back, or the page is looked at again. */
  #wake() {
    if (this.status === "connected") this.probe();
    else if (this.status === "offline" && this.#environment.now() >= this.#notBefore) this.#connect();
  }

  #drop() {
    const { clearTimeout } = this.#environment;
    for (const timer of [this.#retryTimer, this.#watchTimer, this.#healthyTimer]) clearTimeout(timer);
    this.#probing = false;
    this.retryAt = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #become(status) {
    this.status = status;
    this.#changed();
  }
}
