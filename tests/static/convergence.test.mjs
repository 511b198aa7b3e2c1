import assert from "node:assert/strict";
import { test } from "node:test";
import { withSeeds } from "./random.mjs";
import { World } from "./script.mjs";

test("random clients converge, with lost lines, resends and reloads", () =>
  withSeeds(300, ({ random, below, pick, text, edit }) => {
    const names = ["a", "b", "c", "d"].slice(0, 2 + below(3));
    const world = new World(text(below(12)), names);
    for (let step = 0; step < 150; step++) {
      const client = world.clients.get(pick(names));
      const dice = random();
      if (dice < 0.4) client.edit(edit(client.content));
      else if (dice < 0.65) client.outgoing.length && world.send(client);
      else if (dice < 0.9) client.incoming.length && client.receive(client.incoming.shift());
      else if (dice < 0.93) client.drop();
      else if (dice < 0.98) client.online || client.reconnect();
      else if (!client.online) client.restart();
    }
    world.settle();
    for (const [name, client] of world.clients) {
      assert.equal(client.text, world.server.text, name);
      assert.equal(client.machine.unsaved, 0, name);
    }
    assert.ok(world.server.text.isWellFormed?.() ?? true);
  }));
