/**
 * One client's talk with the server: hello, edits, acknowledgements, and coming back.
 *
 * Joins the connection with the client's state machine; knows no editor and no storage.
 * `LiveDocument` and `Delivery` stand on it.
 */

import { Client, OutOfOrder, Rewritten } from "./client.js";
import { Connection } from "./connection.js";
import { guard, guarded } from "./guarding.js";
import { Delta, composeAll } from "./ot.js";
import { split } from "./splitting.js";

export const PROTOCOL = 1;

/** An edit not acknowledged within this many ms counts as overdue. */
const OVERDUE_AFTER = 2_000;

/** When it is that late, in ms, it may have got lost: a new connection sends it again. */
const LOST_AFTER = 30_000;

/** Wait before an operation is sent again, in s, when the server doesn't say. */
const RESEND_AFTER = 1;

/** Bounds until the server has told its own. */
const LIMITS = { operation_size: 32 * 1024, message_size: 64 * 1024 };

/**
 * @typedef {object} Identity who a client is to the server
 * @property {string} client
 * @property {string} secret
 * @property {string} epoch of the document, which a restored backup changes
 * @property {string | null} hash what the server called the history that this client has seen
 *
 * @typedef {object} Owner whom a Synchronizer tells
 * @property {(welcome: object) => void} fresh the content starts anew with `welcome.content`
 * @property {(welcome: object) => void} [welcomed] after every welcome, when all is caught up
 * @property {(delta: Delta, operations: object[]) => void} remote to apply to the content
 * @property {() => void} pendingChanged what is unsent changed; called before it is sent
 * @property {(error: {code: string, message: string, sequence?: number}) => void} lost
 *   what is unsent won't be taken; with a `sequence`, that operation was refused
 * @property {(error: unknown) => void} failed something threw: what is here can't be trusted
 * @property {(operation: object) => void} [committed] one operation, in order, own ones too
 * @property {() => void} [advanced] after some operations: the content is at a new revision
 * @property {() => void} [outrun] the server has more from this client than is known here
 * @property {(message: object) => void} [told] any other message
 * @property {() => void} [statusChanged]
 */

export class Synchronizer {
  /** @type {Client | null} null before the first welcome */
  machine = null;
  /** @type {Identity | null} */
  identity = null;
  limits = LIMITS;
  /** Whether the operation in flight has waited too long. */
  overdue = false;

  #owner;
  #environment;
  #overdueTimer = null;
  #resendTimer = null;
  #welcomed = false; // on this connection
  #sent = null; // the last sequence number that went out on this connection

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {Owner} options.owner
   * @param {import("./environment.js").Environment} options.environment
   * @param {{identity: Identity, client: ConstructorParameters<typeof Client>[0]}} [options.from]
   *   where an earlier life left off
   */
  constructor({ url, owner, environment, from }) {
    this.#owner = owner;
    const failed = (error) => owner.failed(error);
    this.#environment = guarded(environment, failed);
    if (from) {
      this.identity = from.identity;
      this.machine = this.#machine(from.client);
    }
    this.connection = new Connection({
      url,
      environment: this.#environment,
      failed,
      hello: () => this.#hello(),
      receive: (message) => this.#receive(message),
      changed: guard(() => this.#connectionChanged(), failed),
    });
  }

  open() {
    this.connection.open();
  }

  close() {
    this.#clearTimers();
    this.connection.close();
  }

  /** Forgets who it was and what is unsent, and starts from a fresh snapshot. */
  startAfresh() {
    this.forget();
    this.connection.restart();
  }

  /** Forgets who it was and what is unsent: the next hello asks for a fresh snapshot. */
  forget() {
    this.identity = null;
    this.machine = null;
    this.#awaitNothing();
  }

  /** The user changed the document. */
  edit(delta) {
    const pending = this.machine.edit(delta);
    this.#owner.pendingChanged();
    if (pending) this.#sendPending();
  }

  /** Whether everything is acknowledged. */
  get synchronized() {
    return this.machine !== null && this.machine.state === "synchronized";
  }

  #machine(from) {
    return new Client({ ...from, split: (delta) => split(delta, this.limits) });
  }

  #hello() {
    this.#welcomed = false;
    this.#sent = null;
    const hello = { type: "hello", protocol: PROTOCOL };
    if (!this.machine) return hello;
    return { ...hello, ...this.identity, revision: this.machine.revision };
  }

  #receive(message) {
    switch (message.type) {
      case "welcome":
        this.#welcome(message);
        break;
      case "operations":
        this.#take(message.operations, message.hash);
        break;
      case "error":
        this.#error(message);
        break;
      default:
        this.#owner.told?.(message);
    }
  }

  #welcome(welcome) {
    this.#welcomed = true;
    this.limits = { ...LIMITS, ...welcome.limits };
    const { client, secret, epoch, hash = null } = welcome;
    if (this.#owner.outrun && welcome.sequence > (this.machine?.sequence ?? 0)) {
      this.#owner.outrun();
      return;
    }
    if (this.machine && welcome.operations && epoch === this.identity.epoch) {
      if (!this.#take(welcome.operations, hash)) return;
      if (this.machine.revision === welcome.revision) this.identity.hash = hash;
      this.#sendPending();
    } else {
      if (this.machine?.pending) {
        const code = epoch === this.identity.epoch ? "compacted" : "epoch_changed";
        this.#owner.lost({ code, message: "The document has moved on too far." });
        return;
      }
      const { revision, sequence } = welcome;
      this.identity = { client, secret, epoch, hash };
      this.machine = this.#machine({ id: client, revision, sequence });
      this.#owner.fresh(welcome);
    }
    this.#owner.welcomed?.(welcome);
  }

  /**
   * @param {object[]} operations
   * @param {string | null} [hash] of the last one's revision
   * @returns {boolean} false when the rest of the conversation is off
   */
  #take(operations, hash = null) {
    const deltas = [];
    const before = this.machine.pending?.sequence;
    const seen = this.machine.revision;
    let trouble = null;
    for (const operation of operations) {
      const { revision, client, sequence } = operation;
      if (revision <= this.machine.revision) continue;
      const delta = new Delta(operation.delta);
      try {
        const received = this.machine.receive({ revision, client, sequence, delta });
        if (received.delta?.ops.length) deltas.push(received.delta);
      } catch (error) {
        if (!(error instanceof OutOfOrder || error instanceof Rewritten)) throw error;
        trouble = error;
        break;
      }
      this.#owner.committed?.({ ...operation, delta });
    }
    const { revision } = this.machine;
    if (revision !== seen) this.identity.hash = revision === operations.at(-1).revision ? hash : null;
    if (deltas.length) this.#owner.remote(composeAll(deltas), operations);
    if (trouble instanceof Rewritten) {
      this.#owner.lost({ code: "rewritten", message: trouble.message });
      return false;
    }
    const after = this.machine.pending?.sequence;
    if (before !== after) {
      this.connection.healthy();
      this.#awaitNothing();
      this.#owner.pendingChanged();
      this.#sendPending();
    }
    this.#owner.advanced?.();
    if (trouble) this.connection.restart();
    return !trouble;
  }

  #error(error) {
    const { code, message, sequence } = error;
    if (sequence !== undefined && sequence === this.machine?.pending?.sequence) {
      if (error.retry) this.#resendAfter(error.retry_after ?? RESEND_AFTER);
      else this.#owner.lost({ code, message, sequence });
    } else if (!this.#welcomed && !error.retry) {
      this.connection.refuse({ code, message });
    } else {
      this.#owner.told?.(error);
    }
  }

  #sendPending() {
    const pending = this.machine?.pending;
    if (!pending) return;
    const { revision, sequence, delta } = pending;
    if (!this.#welcomed || sequence === this.#sent) return;
    const message = { type: "operation", revision, sequence, delta: delta.ops };
    if (!this.connection.send(message)) return;
    this.#sent = sequence;
    this.#awaitAcknowledgement();
  }

  #awaitAcknowledgement() {
    const { setTimeout, clearTimeout } = this.#environment;
    clearTimeout(this.#overdueTimer);
    this.#overdueTimer = setTimeout(() => {
      this.overdue = true;
      this.connection.probe();
      this.#owner.statusChanged?.();
      const lost = () => this.connection.restart();
      this.#overdueTimer = setTimeout(lost, LOST_AFTER - OVERDUE_AFTER);
    }, OVERDUE_AFTER);
  }

  #resendAfter(seconds) {
    const { setTimeout, clearTimeout } = this.#environment;
    clearTimeout(this.#resendTimer);
    this.#resendTimer = setTimeout(() => {
      this.#sent = null;
      this.#sendPending();
    }, seconds * 1000);
  }

  #awaitNothing() {
    this.#clearTimers();
    this.overdue = false;
  }

  #clearTimers() {
    this.#environment.clearTimeout(this.#overdueTimer);
    this.#environment.clearTimeout(this.#resendTimer);
  }

  #connectionChanged() {
    const { status, error } = this.connection;
    if (status !== "connected") {
      this.#welcomed = false;
      this.#clearTimers();
    }
    this.#owner.statusChanged?.();
    if (status === "refused") this.#owner.lost(error);
  }
}
