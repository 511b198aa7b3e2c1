/** Runs the scripted sessions of tests/sessions: its README describes the events. */

import assert from "node:assert/strict";
import { Client } from "../../collab/static/engine/client.js";
import { Delta, plainText } from "../../collab/static/engine/ot.js";
import { Ordering } from "./ordering.mjs";

/** A client machine with a text in place of an editor, and a line to the server. */
export class Participant {
  outgoing = [];
  incoming = [];
  online = true;

  constructor(id, server) {
    this.server = server;
    this.machine = new Client({ id, revision: 0 });
    this.content = server.content;
  }

  get text() {
    return plainText(this.content);
  }

  edit(delta) {
    this.content = this.content.compose(delta);
    this.#post(this.machine.edit(delta));
  }

  receive(operation) {
    const { delta, send } = this.machine.receive({
      ...operation,
      delta: new Delta(operation.delta),
    });
    if (delta) this.content = this.content.compose(delta);
    this.#post(send);
  }

  drop() {
    this.online = false;
    this.outgoing = [];
    this.incoming = [];
  }

  reconnect() {
    for (const operation of this.server.since(this.machine.revision)) this.receive(operation);
    this.online = true;
    this.#post(this.machine.pending);
  }

  restart() {
    const { id, revision, sequence, inflight, buffer } = this.machine;
    const kept = JSON.parse(JSON.stringify({ id, revision, sequence, inflight, buffer }));
    this.machine = new Client({
      ...kept,
      inflight: kept.inflight && new Delta(kept.inflight),
      buffer: kept.buffer && new Delta(kept.buffer),
    });
  }

  #post(pending) {
    if (pending && this.online) this.outgoing.push(structuredClone({ ...pending, delta: pending.delta.ops }));
  }
}

export class World {
  constructor(text, names) {
    this.server = new Ordering(text);
    this.clients = new Map(names.map((name) => [name, new Participant(name, this.server)]));
  }

  /** The client's oldest message reaches the server. */
  send(client) {
    const operation = this.server.submit(client.machine.id, client.outgoing.shift());
    if (!operation) return;
    for (const other of this.clients.values()) if (other.online) other.incoming.push(operation);
  }

  settle() {
    for (const client of this.clients.values()) if (!client.online) client.reconnect();
    let busy = true;
    while (busy) {
      busy = false;
      for (const client of this.clients.values()) {
        while (client.incoming.length) client.receive(client.incoming.shift());
        while (client.outgoing.length) {
          this.send(client);
          busy = true;
        }
      }
    }
  }
}

const EVENTS = {
  type: (world, client, position, text) => client.edit(new Delta().retain(position).insert(text)),
  delete: (world, client, position, length) =>
    client.edit(new Delta().retain(position).delete(length)),
  edit: (world, client, ops) => client.edit(new Delta(ops)),
  send: (world, client) => {
    assert.ok(client.outgoing.length, "nothing to send");
    world.send(client);
  },
  receive: (world, client) => {
    assert.ok(client.incoming.length, "nothing to receive");
    client.receive(client.incoming.shift());
  },
  drop: (world, client) => client.drop(),
  reconnect: (world, client) => client.reconnect(),
  restart: (world, client) => client.restart(),
  shows: (world, client, text) => assert.equal(client.text, text),
};

export function run({ start, clients, events, expect }) {
  const world = new World(start, clients);
  events.forEach(([kind, ...args], index) => {
    try {
      if (kind === "server") assert.equal(world.server.text, args[0]);
      else EVENTS[kind](world, world.clients.get(args[0]), ...args.slice(1));
    } catch (error) {
      error.message = `event ${index} (${kind} ${args.join(" ")}): ${error.message}`;
      throw error;
    }
  });
  world.settle();
  assert.equal(world.server.text, expect);
  for (const [name, client] of world.clients) {
    assert.equal(client.text, expect, name);
    assert.equal(client.machine.state, "synchronized", name);
    assert.equal(client.machine.unsaved, 0, name);
  }
}
