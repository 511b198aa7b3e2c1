/**
 * A client's half of the transformation: a machine of three states, without any I/O.
 *
 *   synchronized ──edit──▶ awaiting ──edit──▶ buffering ──edit──▶ buffering
 *        ▲                  │    ▲                │
 *        └───acknowledged───┘    └──acknowledged──┘  (the buffer is sent)
 *
 * One operation is in flight; what is typed meanwhile is composed into the buffer. The
 * document in the editor is: committed revision · inflight · buffer.
 */

import { Delta, canonicalJSON, correction, cross, withoutEmptyAttributes } from "./ot.js";

/** A revision arrived that does not follow the last one: some are missing. */
export class OutOfOrder extends Error {
  name = "OutOfOrder";
}

/** The server committed something under our name that can't be told apart from what is here. */
export class Rewritten extends Error {
  name = "Rewritten";
}

/**
 * @typedef {object} Pending an operation to send
 * @property {number} revision it applies to
 * @property {number} sequence the client's own number for it, from 1
 * @property {Delta} delta
 */

export class Client {
  #inflightEdits = 0;
  #bufferEdits = 0;
  #split;

  /**
   * @param {object} from
   * @param {string} from.id ASCII
   * @param {number} from.revision the last one that the document holds
   * @param {number} [from.sequence] the last number used: the one in flight has it, if any is
   * @param {Delta | null} [from.inflight] sent and not acknowledged, made on `revision`
   * @param {Delta | null} [from.buffer] made on top of `inflight`
   * @param {(delta: Delta) => {first: Delta, rest: Delta | null}} [from.split]
   *   how much of a delta may go in one operation; everything when it isn't given
   */
  constructor({ id, revision, sequence = 0, inflight = null, buffer = null, split }) {
    this.id = id;
    this.revision = revision;
    this.sequence = sequence;
    this.inflight = inflight;
    this.buffer = buffer;
    this.#split = split ?? ((delta) => ({ first: delta, rest: null }));
    this.#inflightEdits = inflight ? 1 : 0;
    this.#bufferEdits = buffer ? 1 : 0;
  }

  /** @returns {"synchronized" | "awaiting" | "buffering"} */
  get state() {
    if (!this.inflight) return "synchronized";
    return this.buffer ? "buffering" : "awaiting";
  }

  /** What has to be sent again after a reconnect. @returns {Pending | null} */
  get pending() {
    if (!this.inflight) return null;
    return { revision: this.revision, sequence: this.sequence, delta: this.inflight };
  }

  /** How many edits are not acknowledged yet. */
  get unsaved() {
    return this.#inflightEdits + this.#bufferEdits;
  }

  /** Everything unacknowledged as one delta on `revision`. */
  get unsent() {
    if (!this.inflight) return new Delta();
    return this.buffer ? this.inflight.compose(this.buffer) : this.inflight;
  }

  /** The user changed the document. @returns {Pending | null} what to send now */
  edit(made) {
    if (!made.ops.length) return null;
    const delta = withoutEmptyAttributes(made);
    this.buffer = this.buffer ? this.buffer.compose(delta) : delta;
    this.#bufferEdits += 1;
    if (!this.inflight) return this.#send();
    if (!this.buffer.ops.length) this.#forgetBuffer(); // typed and taken back
    return null;
  }

  /**
   * An operation was committed.
   *
   * @param {{revision: number, client: string, sequence: number, delta: Delta}} operation
   * @returns {{delta: Delta | null, send: Pending | null}} what to apply to the editor, and
   *   what to send now
   * @throws {OutOfOrder} when a revision is missing before it
   * @throws {Rewritten} when something was committed under our name that needs a fresh start:
   *   our edit changed too much, or one that is not in flight. Nothing is changed here then
   */
  receive({ revision, client, sequence, delta }) {
    if (revision <= this.revision) return { delta: null, send: null };
    if (revision !== this.revision + 1) {
      throw new OutOfOrder(`Revision ${revision} arrived after ${this.revision}.`);
    }
    if (client !== this.id) return this.#foreign(revision, client, delta);
    if (this.inflight && sequence === this.sequence) return this.#acknowledged(revision, delta);
    throw new Rewritten(`Edit ${sequence} was not sent from here.`);
  }

  #acknowledged(revision, committed) {
    let change = null;
    if (canonicalJSON(committed.ops) !== canonicalJSON(this.inflight.ops)) {
      change = correction(this.inflight, committed);
      if (!change) throw new Rewritten("The server changed that edit.");
      if (this.buffer) {
        const crossed = cross(this.buffer, change, this.id, this.id);
        this.buffer = crossed.mine;
        change = crossed.theirs;
      }
    }
    this.revision = revision;
    this.inflight = null;
    this.#inflightEdits = 0;
    return { delta: change, send: this.#send() };
  }

  #foreign(revision, client, delta) {
    this.revision = revision;
    let theirs = delta;
    if (this.inflight) {
      const crossed = cross(this.inflight, theirs, this.id, client);
      this.inflight = crossed.mine;
      theirs = crossed.theirs;
    }
    if (this.buffer) {
      const crossed = cross(this.buffer, theirs, this.id, client);
      this.buffer = crossed.mine;
      theirs = crossed.theirs;
    }
    return { delta: theirs, send: null };
  }

  /** Puts the buffer, or as much of it as one operation takes, in flight. */
  #send() {
    if (!this.buffer?.ops.length) {
      this.#forgetBuffer();
      return null;
    }
    const { first, rest } = this.#split(this.buffer);
    this.inflight = first;
    this.buffer = rest;
    // The edits of a split buffer count until its last part is acknowledged.
    this.#inflightEdits = rest ? 0 : this.#bufferEdits;
    this.#bufferEdits = rest ? this.#bufferEdits : 0;
    this.sequence += 1;
    return this.pending;
  }
  #forgetBuffer() {
    this.buffer = null;
    this.#bufferEdits = 0;
  }
}
