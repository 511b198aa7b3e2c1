/** A browser and a server in memory, in virtual time: what the engine's tests live in. */

import { Delta, plainText } from "../../collab/static/engine/ot.js";
import { checksum } from "../../collab/static/engine/checksum.js";
import { LiveDocument } from "../../collab/static/engine/document.js";
import { Ordering } from "./ordering.mjs";

/** Virtual time in ms. */
export class Clock {
  now = 1_700_000_000_000;
  #timers = new Map();
  #next = 1;

  setTimeout = (fn, wait) => {
    this.#timers.set(this.#next, { fn, due: this.now + Math.max(wait, 0), id: this.#next });
    return this.#next++;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  /** Lets everything happen that is due within `ms`, promises included. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers.values()].filter((timer) => timer.due <= end);
      if (!due.length) break;
      const next = due.sort((a, b) => a.due - b.due || a.id - b.id)[0];
      this.#timers.delete(next.id);
      this.now = Math.max(this.now, next.due);
      next.fn();
    }
    this.now = end;
  }
}

/** All promises that can go on have gone on. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** localStorage, with room for `quota` characters. */
export class MemoryStorage {
  quota = Infinity;
  #items = new Map();
  get length() {
    return this.#items.size;
  }
  key = (index) => [...this.#items.keys()][index] ?? null;
  getItem = (key) => this.#items.get(key) ?? null;
  removeItem = (key) => void this.#items.delete(key);
  setItem = (key, value) => {
    if (value.length > this.quota) throw new Error("QuotaExceededError");
    this.#items.set(key, value);
  };
  keys = (kind) => [...this.#items.keys()].filter((key) => key.includes(`:${kind}:`));
}

/** The browser's database, with room for `quota` characters in an entry. */
export class MemoryDatabase {
  quota = Infinity;
  /** Tests may hold writes back: resolves when they may go on. */
  pause = null;
  writes = [];
  #entries = new Map();
  async entries(prefix) {
    const all = [...this.#entries.values()];
    return structuredClone(all.filter(([key]) => prefix.every((part, index) => key[index] === part)));
  }
  async write(changes, how) {
    await this.pause;
    if (changes.some(([, value]) => (JSON.stringify(value) ?? "").length > this.quota)) {
      throw new Error("QuotaExceededError");
    }
    this.writes.push({ changes, ...how });
    for (const [key, value] of structuredClone(changes)) {
      if (value === undefined) this.#entries.delete(JSON.stringify(key));
      else this.#entries.set(JSON.stringify(key), [key, value]);
    }
  }
  /** The values of a kind: "unsent" or "rescue". */
  all = (kind) => [...this.#entries.values()].filter(([key]) => key[1] === kind).map(([, value]) => value);
}

/** Web Locks, as far as they are used. */
export class MemoryLocks {
  #held = new Set();
  async request(name, ...rest) {
    const callback = rest.at(-1);
    await null;
    if (this.#held.has(name)) return callback(null);
    this.#held.add(name);
    try {
      return await callback({ name });
    } finally {
      this.#held.delete(name);
    }
  }
}

/** BroadcastChannel between the pages of one browser; a page that `sleeps` hears nothing. */
export function memoryChannels() {
  const open = new Set();
  return class {
    onmessage = null;
    constructor(name) {
      this.name = name;
      open.add(this);
    }
    postMessage(data) {
      for (const other of open) {
        if (other === this || other.name !== this.name) continue;
        queueMicrotask(() => other.constructor.sleeping?.has(other) || other.onmessage?.({ data }));
      }
    }
    close() {
      open.delete(this);
    }
    static sleeping = new Set();
    static open = open;
  };
}

/** A document's room: speaks the protocol to `Socket`s. */
export class Room extends Ordering {
  epoch = "epoch-1";
  limits = { operation_size: 1000, message_size: 10_000 };
  permissions = ["read", "write"];
  up = true; // whether anybody can connect
  blocked = false; // no WebSocket gets through to it, but HTTP does
  reason = null; // what the document's own address says when nobody can
  deaf = false; // takes nothing in, answers nothing
  oldest = 0; // revisions before this one can't be resumed from
  sockets = new Set();
  received = [];
  /** Tests may answer an operation themselves: (operation, socket) → true when done. */
  intercept = () => false;
  #clients = 0;

  accept(socket) {
    if (!this.up || this.blocked) return socket.cut();
    this.sockets.add(socket);
    socket.accepted();
  }

  hear(socket, frame) {
    if (this.deaf) return;
    for (const message of JSON.parse(frame)) {
      this.received.push(message);
      this[message.type]?.(socket, message);
    }
  }

  hello(socket, { client, secret, revision, epoch, hash }) {
    if (this.refusal) return this.refuse(socket, this.refusal);
    if (client && secret !== `secret-${client}`) return this.refuse(socket, "bad_client", 4401);
    if (client && epoch !== this.epoch) return this.refuse(socket, "epoch_changed", 4409);
    if (client && hash && hash !== this.hashes[revision]) {
      return this.go({ code: "history_changed", message: "Another history." }, [socket]);
    }
    if (client && revision < this.oldest) return this.refuse(socket, "compacted");
    this.#clients += client ? 0 : 1;
    socket.client = client ?? `client-${this.#clients}`;
    for (const other of this.sockets) {
      if (other !== socket && other.client === socket.client) this.refuse(other, "superseded", 4409);
    }
    socket.tell({
      type: "welcome",
      protocol: 1,
      session: `session-${this.sockets.size}`,
      client: socket.client,
      secret: `secret-${socket.client}`,
      epoch: this.epoch,
      document: { id: "d", title: "Title", type: "text" },
      user: { id: "u", name: "User", color: "#123456" },
      permissions: this.permissions,
      revision: this.revision,
      sequence: this.sequence(socket.client),
      limits: this.limits,
      hash: this.hashes[this.revision],
      ...(client ? { operations: this.since(revision) } : { content: this.content.ops }),
    });
    socket.joined = true;
  }

  operation(socket, operation) {
    if (this.intercept(operation, socket)) return;
    const { length } = operation.delta
      .map(({ insert }) => (typeof insert === "string" ? insert : ""))
      .join("");
    if (length > this.limits.operation_size) throw new Error("too large");
    const committed = this.submit(socket.client, operation);
    if (committed) this.tellAll(committed);
  }

  ping(socket) {
    socket.tell({ type: "pong" });
  }

  broadcast(message) {
    for (const socket of this.sockets) if (socket.joined) socket.tell(message);
  }

  /** Somebody else's edit. */
  edit(delta, client = "other") {
    const operation = this.commit(client, this.sequence(client) + 1, delta);
    this.tellAll(operation);
  }

  tellAll(operation) {
    const hash = this.hashes[operation.revision];
    this.broadcast({ type: "operations", operations: [operation], hash });
  }

  announceChecksum(value = checksum(this.text)) {
    this.broadcast({ type: "checksum", revision: this.revision, value });
  }

  refuse(socket, code, close) {
    socket.tell({ type: "error", code, message: `Refused: ${code}.` });
    if (close) socket.end(close);
  }

  /** The line to everybody is cut. */
  cut() {
    for (const socket of [...this.sockets]) socket.cut();
  }

  go(message, sockets = [...this.sockets]) {
    for (const socket of sockets) {
      socket.tell({ type: "goodbye", ...message });
      socket.end(1012);
    }
  }
}

/** One browser with its storage; `page()` opens the document in a new tab. */
export class Browser {
  clock = new Clock();
  storage = new MemoryStorage();
  database = new MemoryDatabase();
  locks = new MemoryLocks();
  channels = memoryChannels();
  /** What was thrown, and taken care of. */
  reports = [];
  #wakers = new Set();
  #leavers = new Set();
  #tokens = 0;

  constructor(room = new Room("")) {
    this.room = room;
  }

  wake() {
    for (const fn of this.#wakers) fn();
  }

  /** All pages are hidden. */
  leave() {
    for (const fn of this.#leavers) fn();
  }

  environment(overrides = {}) {
    const { room, clock } = this;
    return {
      WebSocket: class {
        constructor(url) {
          this.url = url;
          queueMicrotask(() => this.closed || room.accept(this));
        }
        accepted() {
          queueMicrotask(() => this.closed || this.onopen?.({}));
        }
        send(frame) {
          if (this.closed) throw new Error("sent on a closed socket");
          queueMicrotask(() => room.sockets.has(this) && room.hear(this, frame));
        }
        tell(message) {
          const data = JSON.stringify([message]);
          queueMicrotask(() => this.closed || this.onmessage?.({ data }));
        }
        end(code) {
          queueMicrotask(() => this.#gone(code));
        }
        cut() {
          this.#gone(1006);
        }
        close() {
          // What was sent before still arrives.
          queueMicrotask(() => room.sockets.delete(this));
          this.closed = true;
        }
        #gone(code) {
          room.sockets.delete(this);
          if (this.closed) return;
          this.closed = true;
          this.onclose?.({ code });
        }
      },
      setTimeout: clock.setTimeout,
      clearTimeout: clock.clearTimeout,
      now: () => clock.now,
      random: () => 0.5,
      token: () => `token-${++this.#tokens}`,
      onWake: (fn) => {
        this.#wakers.add(fn);
        return () => this.#wakers.delete(fn);
      },
      inquire: async () => ({ refused: room.reason, blocked: room.blocked }),
      readOver: async () => (room.blocked ? room.content : null),
      report: (error) => this.reports.push(error),
      address: "http://collab.test/d/d",
      onLeave: (fn) => this.#leavers.add(fn),
      database: this.database,
      storage: this.storage,
      locks: this.locks,
      BroadcastChannel: this.channels,
      ...overrides,
    };
  }

  /** A page that shows the document, once it does. */
  async page(overrides) {
    const page = new Page(this, overrides);
    page.live.open();
    await this.clock.pass(400);
    return page;
  }
}

/** A tab: a live document and the plainest of editors. */
export class Page {
  content = new Delta();
  writable = null;
  events = [];
  contentsSet = 0;
  /** Tests make the editor throw here: called before ("setContent" or "applyRemote") with the delta. */
  fault = () => {};

  constructor(browser, overrides) {
    this.browser = browser;
    const config = {
      basePath: "",
      socket: "/api/documents/d/socket",
      document: { id: "d", title: "Title", type: "text" },
      user: { id: "u", name: "User", color: "#123456" },
    };
    const editor = {
      setContent: (delta) => {
        this.fault("setContent", delta);
        this.content = delta;
        this.contentsSet += 1;
      },
      applyRemote: (delta) => {
        this.fault("applyRemote", delta);
        this.content = this.content.compose(delta);
      },
      text: () => plainText(this.content),
      setWritable: (writable) => (this.writable = writable),
    };
    this.live = new LiveDocument({ config, editor, environment: browser.environment(overrides) });
    for (const type of ["status", "ready", "message", "rescue", "notice", "synchronized", "document"]) {
      this.live.addEventListener(type, ({ detail }) => this.events.push({ type, detail }));
    }
  }

  get text() {
    return plainText(this.content);
  }

  told(type) {
    return this.events.filter((event) => event.type === type).map(({ detail }) => detail);
  }

  edit(delta) {
    this.content = this.content.compose(delta);
    this.live.edit(delta);
  }

  type(position, text) {
    this.edit(new Delta().retain(position).insert(text));
  }

  /** The tab dies: nothing is said any more, its locks are free. */
  crash() {
    this.live.close();
  }
}
