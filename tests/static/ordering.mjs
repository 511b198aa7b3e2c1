/** A server in memory that only orders, transforms and deduplicates. */

import { Delta, plainText, precedes } from "../../collab/static/engine/ot.js";

export class Ordering {
  /** Operation number n is `history[n - 1]`. */
  history = [];
  #sequences = new Map();

  constructor(text = "") {
    this.content = new Delta().insert(text);
    this.contents = [this.content]; // by revision
    this.hashes = [hashed("", text)]; // by revision
  }

  /** An older copy of all this is put back. */
  putBack(revision) {
    this.history.splice(revision);
    this.contents.splice(revision + 1);
    this.hashes.splice(revision + 1);
    this.content = this.contents[revision];
    this.#sequences = new Map(this.history.map(({ client, sequence }) => [client, sequence]));
  }

  get revision() {
    return this.history.length;
  }

  get text() {
    return plainText(this.content);
  }

  /** The last sequence number committed of this client; 0 when none is. */
  sequence(client) {
    return this.#sequences.get(client) ?? 0;
  }

  since(revision) {
    return this.history.slice(revision);
  }

  /** Commits an operation; null when it was committed before. */
  submit(client, { revision, sequence, delta }) {
    if (sequence <= this.sequence(client)) return null;
    if (sequence !== this.sequence(client) + 1) throw new Error(`Gap before ${sequence}.`);
    let transformed = new Delta(delta);
    for (const earlier of this.since(revision)) {
      transformed = new Delta(earlier.delta).transform(transformed, precedes(earlier.client, client));
    }
    return this.commit(client, sequence, transformed);
  }

  /** Commits a delta that applies to the content as it is. */
  commit(client, sequence, delta) {
    this.content = this.content.compose(delta);
    if (this.content.ops.some(({ insert }) => insert === undefined)) {
      throw new Error("An operation reached past the end.");
    }
    this.#sequences.set(client, sequence);
    const operation = {
      revision: this.revision + 1,
      client,
      sequence,
      author: `user-${client}`,
      time: 0,
      delta: structuredClone(delta.ops),
    };
    this.history.push(operation);
    this.contents.push(this.content);
    this.hashes.push(hashed(this.hashes.at(-1), operation));
    return operation;
  }
}

/** The hash of a revision, made of the one before. (Of no strength: nobody cheats here.) */
function hashed(before, operation) {
  let hash = 2166136261;
  for (const character of before + JSON.stringify(operation)) {
    hash = Math.imul(hash ^ character.codePointAt(0), 16777619) >>> 0;
  }
  return hash.toString(16);
}
