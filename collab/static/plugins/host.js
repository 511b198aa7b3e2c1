/**
 * Runs the browser halves of plugins: each gets its own `collab` object, and nothing that one
 * of them does wrong reaches the others or the writer.
 */

import { Changes } from "./changes.js";
import { makeApi } from "./api.js";
import { pluginIn } from "./files.js";
import { Running } from "./running.js";
import { Sharing } from "./sharing.js";
import { Tracked } from "./tracking.js";

/** ms until a plugin that kept failing is tried again; twice as long each time, so often at most. */
const PAUSE = 60_000;
const LONGEST = 5;

/**
 * Loads and starts all plugins. Neither waits for one: the writer can type meanwhile.
 * @param {object} page
 * @param {import("../engine/document.js").LiveDocument} page.live
 * @param {import("../editor/codemirror.js").TextEditor} page.editor
 * @param {Array<{name: string, script?: string, styles?: string[]}>} page.plugins
 * @param {{basePath: string, api: string}} page.config
 */
export function startPlugins({ live, editor, plugins, config }) {
  return new PluginHost({ live, editor, config }, plugins);
}

class PluginHost {
  /** @type {Promise<void>} all that were there at first have been activated */
  started;

  #page;
  #running = new Map();
  #gaveUp = new Map();
  #tracked = new Tracked();
  #sharing = new Sharing();
  #changes = new Changes((change) => this.#all("change", change));
  #ended = new AbortController();
  #ready;

  constructor({ live, editor, config }, plugins) {
    this.#ready = new Promise((resolve) => live.addEventListener("ready", resolve, { once: true }));
    this.#page = {
      live, editor, config, tracked: this.#tracked, sharing: this.#sharing, changes: this.#changes,
    };
    this.#listen();
    this.started = this.switch(plugins);
  }

  /** These shall run, no others; one whose script has another address is loaded anew. */
  async switch(plugins) {
    const wanted = new Map(plugins.map((plugin) => [plugin.name, plugin]));
    for (const [name, running] of this.#running) {
      const next = wanted.get(name);
      if (next && same(next, running)) wanted.delete(name);
      else this.dispose(name);
    }
    await Promise.all([...wanted.values()].map((plugin) => this.#start(plugin)));
  }

  #start(plugin) {
    const running = new Running(plugin, (one) => makeApi(one, this.#page), this);
    this.#running.set(running.name, running);
    return running.start(this.#ready);
  }

  // What a running plugin tells.

  /** Something of it failed: the operator shall know. */
  async failed(name, error) {
    await this.#ready;
    this.#page.live.sendFault(name, error);
  }

  /** It kept failing and has ended: it is tried again, later each time. */
  gaveUp(running) {
    const times = this.#gaveUp.get(running.name) ?? 0;
    this.#gaveUp.set(running.name, times + 1);
    const timer = setTimeout(() => {
      if (this.#running.get(running.name) === running) this.#start(running);
    }, PAUSE * 2 ** Math.min(times, LONGEST));
    this.#ended.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  dispose(name) {
    this.#running.get(name)?.dispose();
    this.#running.delete(name);
  }

  /** Ends everything. */
  close() {
    this.#ended.abort();
    for (const name of [...this.#running.keys()]) this.dispose(name);
  }

  // What the editor tells.

  /** The text has changed, but the engine may not know yet. */
  changed(delta, how) {
    this.#tracked.move(delta);
    this.#changes.add(delta, how);
  }

  /** The engine knows of every change of the text. */
  settled() {
    this.#changes.flush();
  }

  selection() {
    this.#all("selection");
  }

  scrolled() {
    this.#all("scroll");
  }

  // What the document tells.

  #listen() {
    const { live } = this.#page;
    const { signal } = this.#ended;
    const on = (name, listener) => live.addEventListener(name, ({ detail }) => listener(detail), { signal });
    on("plugins", ({ plugins }) => this.switch(plugins));
    on("message", ({ plugin, data }) => this.#running.get(plugin)?.message(data));
    on("status", (status) => {
      for (const running of this.#running.values()) running.connection(status);
    });
    on("user", (user) => this.#all("user", user));
    on("document", (record) => this.#all("document", record));
    on("remote", ({ operations }) => this.#changes.cameWith(operations));
    on("revision", () => {
      this.#all("revision");
      this.settled();
    });
    for (const event of ["ready", "synchronized"]) {
      on(event, () => {
        this.settled();
        this.#all("revision");
        this.selection();
      });
    }
    // What a plugin does in its own timers and buttons is told by where its code comes from.
    addEventListener("error", (event) => this.#blame(event.error, event.filename), { signal });
    addEventListener("unhandledrejection", (event) => this.#blame(event.reason), { signal });
  }

  #all(kind, ...given) {
    for (const running of [...this.#running.values()]) running.emit(kind, ...given);
  }

  #blame(error, place) {
    const where = place || String(error?.stack ?? "");
    this.#running.get(pluginIn(where))?.failed(error);
  }
}

const same = (plugin, running) =>
  (plugin.script ?? null) === running.script &&
  JSON.stringify(plugin.styles ?? []) === JSON.stringify(running.styles);
