/**
 * Runs the browser halves of plugins: each gets its own `collab` object, and nothing that one
 * of them does wrong reaches the others or the writer.
 */

import { initials, paint } from "./colors.js";
import { element } from "./elements.js";
import { notify } from "./notices.js";
import * as ui from "./ui.js";

/** Messages kept for a plugin whose module is still on its way; the oldest goes first. */
const MOST_WAITING = 500;

/** One plugin as it runs: what it added, what it listens to, and how it is let go. */
class Running {
  #host;
  #disposers = new Set();
  #listeners = {
    message: new Set(),
    selection: new Set(),
    connection: new Set(),
    user: new Set(),
    document: new Set(),
  };
  #waiting = [];
  #carets = new Map();
  #complained = false;
  #connection = null;

  /**
   * @param {object} host what all plugins share
   * @param {import("./document.js").LiveDocument} host.live
   * @param {import("./editor-codemirror.js").TextEditor} host.editor
   * @param {{name: string, script?: string, styles?: string[]}} plugin
   */
  constructor(host, { name, script, styles = [] }) {
    this.#host = host;
    this.name = name;
    this.script = script;
    this.styles = styles;
    this.disposed = false;
    this.collab = this.#api();
  }

  async start() {
    for (const href of this.styles) {
      const link = element("link", { rel: "stylesheet", href });
      document.head.append(link);
      this.#disposers.add(() => link.remove());
    }
    if (!this.script) return;
    try {
      const module = await import(this.script);
      if (this.disposed) return;
      if (typeof module.default !== "function") throw new TypeError("its module exports no default function");
      const end = await module.default(this.collab);
      if (typeof end === "function") this.collab.onDispose(end);
    } catch (error) {
      this.failed(error);
      this.dispose(); // what half of it added would not work
    }
  }

  /** Logs what went wrong, every time; says so on the page once. */
  failed(error) {
    console.warn(`The plugin ${this.name} failed:`, error);
    if (this.#complained) return;
    this.#complained = true;
    const what = `The plugin “${this.name}” has a problem, and may not work.`;
    notify(`${what} Your text is not affected.`, { kind: "warning" });
  }

  /** Runs something of the plugin's. */
  #guard(run, ...given) {
    try {
      const result = run(...given);
      if (typeof result?.then === "function") result.then(undefined, (error) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }

  #emit(kind, ...given) {
    for (const listener of [...this.#listeners[kind]]) this.#guard(listener, ...given);
  }

  #listen(kind, listener) {
    if (typeof listener !== "function") throw new TypeError(`a listener for ${kind} has to be a function`);
    this.#listeners[kind].add(listener);
    return () => void this.#listeners[kind].delete(listener);
  }

  // What happens on the page.

  message(data) {
    if (this.disposed) return;
    if (this.#listeners.message.size) {
      this.#emit("message", data);
    } else {
      this.#waiting.push(data);
      if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
    }
  }

  connection(status) {
    if (status.connection === this.#connection) return;
    this.#connection = status.connection;
    // What waited belongs to a connection that has ended.
    if (status.connection !== "connected") this.#waiting = [];
    this.#emit("connection", status.connection, status);
  }

  selection() {
    this.#emit("selection");
  }

  user(user) {
    this.#emit("user", user);
  }

  document(record) {
    this.#emit("document", record);
  }

  /** Draws the carets that could not be placed before: their revision may have come now. */
  arrived() {
    if (this.#carets.size) this.#draw();
  }

  dispose() {
    if (this.disposed) return;
    this.disposed = true;
    for (const dispose of [...this.#disposers].reverse()) this.#guard(dispose);
    this.#disposers.clear();
    for (const listeners of Object.values(this.#listeners)) listeners.clear();
    this.#dropCarets(() => true);
  }

  // What the plugin is given.

  #own(thing) {
    const remove = () => {
      this.#disposers.delete(remove);
      thing.remove();
    };
    this.#disposers.add(remove);
    // The getters of what it wraps stay live.
    return Object.create(thing, { remove: { value: remove } });
  }

  #api() {
    const { live, editor } = this.#host;
    const running = this;
    return Object.freeze({
      name: this.name,
      get document() { return live.document; },
      get session() { return live.session; },
      get client() { return live.client; },
      get user() { return live.user; },
      get permissions() { return live.permissions; },
      send: (data) => live.sendMessage(this.name, data),
      onMessage: (listener) => {
        const end = this.#listen("message", listener);
        for (const data of this.#waiting.splice(0)) this.#guard(listener, data);
        return end;
      },
      onConnection: (listener) => {
        const end = this.#listen("connection", listener);
        this.#guard(listener, live.status.connection, live.status);
        return end;
      },
      onUser: (listener) => this.#listen("user", listener),
      onDocument: (listener) => this.#listen("document", listener),
      onDispose: (listener) => {
        this.#disposers.add(listener);
        return () => void this.#disposers.delete(listener);
      },
      editor: Object.freeze({
        get selection() { return editor.selection; },
        selectionForServer: () => live.selectionForServer(editor.selection),
        onSelection: (listener) => this.#listen("selection", listener),
        setCarets: (list, revision) => this.#setCarets(list, revision),
        removeCaret: (key) => this.#dropCarets((other) => other === String(key)),
        clearCarets: () => this.#dropCarets(() => true),
      }),
      ui: Object.freeze({
        addStatus: (text) => running.#own(ui.addStatus(text)),
        addPanel: (how) => running.#own(ui.addPanel(how)),
        addToHeader: (added) => running.#own(ui.addToHeader(added)),
        notify,
        paint,
        initials,
      }),
    });
  }

  // Carets: kept as the server said them until the revision they speak of is here.

  #setCarets(list, revision) {
    const gone = new Set();
    for (const caret of list) {
      const key = String(caret.key);
      const known = caret.revision ?? revision;
      if (Number.isInteger(caret.anchor) && Number.isInteger(caret.head) && Number.isInteger(known)) {
        this.#carets.set(key, { ...caret, key, revision: known });
      } else {
        gone.add(key);
      }
    }
    if (gone.size) this.#dropCarets((key) => gone.has(key));
    this.#draw();
  }

  #draw() {
    const { live, editor } = this.#host;
    const placed = [];
    for (const [key, caret] of this.#carets) {
      const anchor = live.toLocal(caret.revision, caret.anchor, caret.client);
      const head = live.toLocal(caret.revision, caret.head, caret.client);
      if (anchor === null || head === null) {
        // Not here yet: `arrived` tries again. Too old: the server will say where it is now.
        if (caret.revision <= live.revision) this.#carets.delete(key);
        continue;
      }
      this.#carets.delete(key);
      const { name, color, client } = caret;
      placed.push({ key: this.#key(key), name: String(name), color, client, anchor, head });
    }
    if (placed.length) editor.putCarets(placed);
  }

  #dropCarets(which) {
    for (const key of [...this.#carets.keys()]) if (which(key)) this.#carets.delete(key);
    const prefix = this.#key("");
    this.#host.editor.dropCarets((key) => key.startsWith(prefix) && which(key.slice(prefix.length)));
  }

  /** Two plugins may use the same key. */
  #key(key) {
    return `${this.name}/${key}`;
  }
}

/**
 * Loads and starts all plugins. Neither waits for one: the writer can type meanwhile.
 * @param {object} page
 * @param {import("./document.js").LiveDocument} page.live
 * @param {import("./editor-codemirror.js").TextEditor} page.editor
 * @param {Array<{name: string, script?: string, styles?: string[]}>} page.plugins
 * @returns {{selection(): void, dispose(name?: string): void, started: Promise<void>}}
 */
export function startPlugins({ live, editor, plugins }) {
  const running = new Map(plugins.map((plugin) => [plugin.name, new Running({ live, editor }, plugin)]));
  const all = (what) => {
    for (const plugin of running.values()) what(plugin);
  };
  live.addEventListener("message", ({ detail }) => running.get(detail.plugin)?.message(detail.data));
  live.addEventListener("status", ({ detail }) => all((plugin) => plugin.connection(detail)));
  live.addEventListener("user", ({ detail }) => all((plugin) => plugin.user(detail)));
  live.addEventListener("document", ({ detail }) => all((plugin) => plugin.document(detail)));
  live.addEventListener("revision", () => all((plugin) => plugin.arrived()));
  for (const event of ["ready", "synchronized"]) {
    live.addEventListener(event, () => {
      all((plugin) => plugin.arrived());
      all((plugin) => plugin.selection());
    });
  }
  const started = Promise.all([...running.values()].map((plugin) => plugin.start()));
  return {
    started: started.then(() => undefined),
    selection: () => all((plugin) => plugin.selection()),
    dispose(name) {
      for (const plugin of name === undefined ? running.values() : [running.get(name)]) plugin?.dispose();
    },
  };
}
