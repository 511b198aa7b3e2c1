import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../collab/static/engine/connection.js";
import { Clock } from "./world.mjs";

/** A connection whose sockets the test plays the server of. */
function setUp({ random = () => 1, found = { refused: null, blocked: false } } = {}) {
  const clock = new Clock();
  const sockets = [];
  const received = [];
  const statuses = [];
  let wake;
  const environment = {
    WebSocket: class {
      sent = [];
      constructor() {
        sockets.push(this);
      }
      send(frame) {
        this.sent.push(...JSON.parse(frame));
      }
      close() {
        this.closed = true;
      }
      tell(...messages) {
        this.onmessage({ data: JSON.stringify(messages) });
      }
    },
    setTimeout: clock.setTimeout,
    clearTimeout: clock.clearTimeout,
    now: () => clock.now,
    random,
    inquire: async () => found,
    onWake: (fn) => {
      wake = fn;
      return () => {};
    },
  };
  const connection = new Connection({
    url: "ws://collab.test/",
    hello: () => ({ type: "hello" }),
    receive: (message) => received.push(message.type),
    failed: (error) => {
      throw error;
    },
    changed: () => statuses.push(connection.status),
    environment,
  });
  connection.open();
  const welcome = () => {
    sockets.at(-1).onopen();
    sockets.at(-1).tell({ type: "welcome" });
  };
  return { clock, connection, sockets, received, statuses, welcome, wake: () => wake() };
}

test("hello, welcome, messages in one frame", () => {
  const { connection, sockets, received, statuses, welcome } = setUp();
  assert.equal(connection.send({ type: "x" }), false, "nothing is sent before the welcome");
  welcome();
  assert.deepEqual(sockets[0].sent, [{ type: "hello" }]);
  assert.deepEqual(statuses, ["connecting", "connected"]);
  sockets[0].tell({ type: "operations" }, { type: "pong" }, { type: "message" });
  assert.deepEqual(received, ["welcome", "operations", "message"]);
  assert.equal(connection.send({ type: "x" }), true);
});

test("half a character in a message does not end the connection", () => {
  const { connection, sockets, welcome } = setUp();
  welcome();
  const frames = [];
  sockets[0].send = (frame) => frames.push(frame);
  connection.send({ text: "\ud83d and \ude00, 😀, \\ud83d, \\\\ud83d, \\\ud83d", "\udc00": 1 });
  assert.deepEqual(JSON.parse(frames[0]), [
    { text: "\ufffd and \ufffd, 😀, \\ud83d, \\\\ud83d, \\\ufffd", "\ufffd": 1 },
  ]);
  assert.ok(frames[0].isWellFormed?.() ?? true);
});

test("a message that is too large for the server is not sent", () => {
  const { connection, sockets, welcome } = setUp();
  assert.equal(connection.send({ text: "x".repeat(100) }, 50), false, "there is no line");
  welcome();
  const bytes = new TextEncoder().encode(JSON.stringify([{ text: "é".repeat(100) }])).length;
  assert.throws(() => connection.send({ text: "é".repeat(100) }, bytes - 1), RangeError);
  assert.equal(connection.send({ text: "é".repeat(100) }, bytes), true);
  assert.equal(sockets[0].sent.length, 2);
});

test("waits grow to thirty seconds, and are random from nothing to that", async () => {
  const { clock, connection, sockets } = setUp();
  for (const wait of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    const tries = sockets.length;
    sockets.at(-1).onclose({ code: 1006 });
    assert.equal(connection.status, "offline");
    assert.equal(connection.retryAt, clock.now + wait);
    await clock.pass(wait - 1);
    assert.equal(sockets.length, tries);
    await clock.pass(1);
    assert.equal(sockets.length, tries + 1);
  }
  const lucky = setUp({ random: () => 0 });
  lucky.sockets[0].onclose({ code: 1006 });
  assert.equal(lucky.connection.retryAt, lucky.clock.now);
});

test("waits start small again after ten healthy seconds, or an acknowledgement", async () => {
  const { clock, connection, sockets, welcome } = setUp();
  const fail = () => {
    sockets.at(-1).onclose({ code: 1006 });
    return connection.retryAt - clock.now;
  };
  assert.equal(fail(), 500);
  await clock.pass(500);
  welcome();
  assert.equal(fail(), 1000, "a server that dies at once was not healthy");
  await clock.pass(1000);
  welcome();
  await clock.pass(10_000);
  assert.equal(fail(), 500);
  await clock.pass(500);
  welcome();
  connection.healthy();
  assert.equal(fail(), 500);
});

test("goodbye says when to come back, and waking up doesn't hurry that", async () => {
  const { clock, connection, sockets, welcome, wake } = setUp();
  welcome();
  sockets[0].tell({ type: "goodbye", code: "shutting_down", message: "Back soon.", retry_after: 5 });
  assert.equal(connection.status, "offline");
  assert.deepEqual(connection.error.message, "Back soon.");
  wake();
  await clock.pass(4999);
  assert.equal(sockets.length, 1);
  await clock.pass(501);
  assert.equal(sockets.length, 2);
});

test("goodbye without a time is a refusal, until somebody tries again", async () => {
  const { clock, connection, sockets, welcome } = setUp();
  welcome();
  sockets[0].tell({ type: "goodbye", code: "forbidden", message: "You may not." });
  await clock.pass(600_000);
  assert.equal(connection.status, "refused");
  assert.equal(connection.error.code, "forbidden");
  assert.equal(sockets.length, 1);
  connection.retry();
  assert.equal(connection.status, "connecting");
});

test("an error before the close is its reason; before a cut line it is not", () => {
  const first = setUp();
  first.welcome();
  first.sockets[0].tell({ type: "error", code: "deleted", message: "The document was deleted." });
  assert.equal(first.connection.status, "connected");
  first.sockets[0].onclose({ code: 4410 });
  assert.equal(first.connection.status, "refused");
  assert.equal(first.connection.error.code, "deleted");

  const second = setUp();
  second.welcome();
  second.sockets[0].tell({ type: "error", code: "no_plugin", message: "No such plugin." });
  second.sockets[0].onclose({ code: 1006 });
  assert.equal(second.connection.status, "offline");
});

test("a close code alone says enough", () => {
  const { connection, sockets, welcome } = setUp();
  welcome();
  sockets[0].onclose({ code: 4403 });
  assert.equal(connection.status, "refused");
  assert.equal(connection.error.code, "forbidden");
});

test("waking up tries at once", async () => {
  const { sockets, wake, connection } = setUp();
  sockets[0].onclose({ code: 1006 });
  wake();
  assert.equal(sockets.length, 2);
  assert.equal(connection.status, "connecting");
});

test("silence is answered by a ping, and no pong within ten seconds ends the line", async () => {
  const { clock, connection, sockets, welcome } = setUp();
  welcome();
  await clock.pass(15_000);
  sockets[0].tell({ type: "message" });
  await clock.pass(19_999);
  assert.equal(sockets[0].sent.length, 1);
  await clock.pass(1);
  assert.deepEqual(sockets[0].sent.at(-1), { type: "ping" });
  sockets[0].tell({ type: "pong" });
  await clock.pass(20_000);
  assert.equal(sockets[0].sent.filter(({ type }) => type === "ping").length, 2);
  await clock.pass(9_999);
  assert.equal(connection.status, "connected");
  await clock.pass(1);
  assert.equal(connection.status, "offline");
  assert.equal(sockets[0].closed, true);
});

test("a page that was asleep asks again before it gives the line up", async () => {
  const { clock, connection, sockets, welcome, wake } = setUp();
  welcome();
  wake();
  assert.deepEqual(sockets[0].sent.at(-1), { type: "ping" });
  clock.now += 3_600_000; // no timer ran
  await clock.pass(0);
  assert.equal(connection.status, "connected");
  sockets[0].tell({ type: "pong" });
  await clock.pass(10_000);
  assert.equal(connection.status, "connected");
});

test("a handshake or a welcome that never comes is given up", async () => {
  const { clock, connection, sockets } = setUp();
  await clock.pass(15_000);
  assert.equal(connection.status, "offline");
  await clock.pass(500);
  sockets.at(-1).onopen();
  await clock.pass(59_999);
  assert.equal(connection.status, "connecting");
  await clock.pass(1);
  assert.equal(connection.status, "offline");
});

test("a restart is at once the first time, and patient after that", () => {
  const { connection, sockets } = setUp();
  connection.restart();
  assert.equal(sockets.length, 2);
  connection.restart();
  assert.equal(sockets.length, 2);
  assert.equal(connection.status, "offline");
});

test("what an old socket still says is not heard", () => {
  const { connection, sockets, received, welcome } = setUp();
  welcome();
  const [old] = sockets;
  connection.restart();
  old.tell({ type: "message" });
  old.onclose({ code: 4403 });
  assert.deepEqual(received, ["welcome"]);
  assert.equal(connection.status, "connecting");
});

test("close is the end", async () => {
  const { clock, connection, sockets } = setUp();
  connection.close();
  await clock.pass(600_000);
  assert.equal(sockets.length, 1);
  assert.equal(connection.status, "offline");
});
