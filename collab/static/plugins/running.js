/** One plugin's browser half as it runs: what it added, what it listens to, how it is let go. */

import { element } from "../ui/elements.js";
import { notify } from "../ui/notices.js";
import { freshFiles } from "./files.js";
import { hung, noted } from "./hung.js";
import { loaded, placeOfSyntaxError, styled } from "./loading.js";

/** Messages kept for a plugin whose module is still on its way; the oldest goes first. */
const MOST_WAITING = 500;

/** How the server is told that a version of a plugin can't be loaded; it knows this by heart. */
const NOT_LOADED = "the new version can't be loaded";

/** So many failures within so many ms, and the plugin is switched off on this page for a while. */
const MOST_FAILURES = 20;
const FAILURES_WITHIN = 30_000;

/** What was thrown, as a text; that may be anything, even what has none. */
export function described(error) {
  try {
    const text = String(error);
    const stack = String(error?.stack ?? "");
    // In some browsers the stack says only where.
    return stack.includes(text) ? stack : `${text}\n${stack}`.trim();
  } catch {
    return "something that has no text";
  }
}

export class Running {
  #disposers = new Set();
  #listeners = new Map();
  #waiting = [];
  #connection = null;
  #failures = [];
  #complained = false;
  #previous;
  #host;

  /**
   * @param {{name: string, script?: string | null, styles?: string[], previous?: string | null}} plugin
   *   `previous`: the script of the version before, for when `script` can't be loaded
   * @param {(running: Running) => object} makeApi makes what `activate` is given
   * @param {{failed(name: string, error: string): void, gaveUp(running: Running): void}} host
   */
  constructor({ name, script = null, styles = [], previous = null }, makeApi, host) {
    this.name = name;
    this.#host = host;
    this.script = script;
    this.styles = styles;
    this.#previous = previous;
    this.files = freshFiles(script, styles);
    this.disposed = false;
    this.collab = makeApi(this);
  }

  /**
   * Loads it, and activates it once the page has the document.
   * @param {Promise<unknown>} ready
   */
  async start(ready) {
    for (const href of this.files.styles) this.#style(href);
    if (!this.script) return;
    try {
      if (hung(this.name, this.script)) throw new Error("it froze the page the last time, and is left out");
      const module = await loaded(this.script, () => this.#import(), this).catch((error) => this.#instead(error));
      await ready;
      if (this.disposed) return;
      if (typeof module.default !== "function") throw new TypeError("its module exports no default function");
      const end = await noted(this.name, this.script, () => module.default(this.collab));
      if (typeof end === "function") this.onDispose(end);
    } catch (error) {
      this.failed(error);
      this.dispose(); // what half of it added would not work
    }
  }

  async #style(href) {
    const link = element("link", { rel: "stylesheet", href });
    this.onDispose(() => link.remove());
    try {
      await loaded(href, () => styled(link), this);
    } catch (error) {
      this.failed(error);
    }
  }

  async #import() {
    try {
      return await import(this.files.script);
    } catch (error) {
      // A browser may remember of an address that it failed: the next attempt has another.
      this.files = freshFiles(this.script, this.styles);
      throw error;
    }
  }

  /** The module of the version before, because the new one can't be loaded. */
  async #instead(error) {
    if (!this.#previous || this.disposed) throw error;
    const place = error instanceof SyntaxError ? await placeOfSyntaxError(this.files.script) : "";
    const what = `${NOT_LOADED}, and the previous one runs: ${place}${described(error)}`;
    console.warn(`The plugin ${this.name}: ${what}`);
    this.#host.failed(this.name, what);
    this.files = freshFiles(this.#previous, this.styles);
    return import(this.files.script);
  }

  /** Logs what went wrong, every time; says so on the page, and to the operator, once. */
  failed(error) {
    console.warn(`The plugin ${this.name} failed:`, error);
    if (this.disposed) return;
    if (!this.#complained) {
      this.#complained = true;
      this.#host.failed(this.name, described(error));
      const what = `The plugin “${this.name}” has a problem, and may not work.`;
      notify(`${what} Your text is not affected.`, { kind: "warning" });
    }
    const now = performance.now();
    this.#failures = this.#failures.filter((time) => now - time < FAILURES_WITHIN);
    if (this.#failures.push(now) < MOST_FAILURES) return;
    this.dispose();
    this.#host.failed(this.name, `kept failing and was switched off on a page: ${described(error)}`);
    this.#host.gaveUp(this);
    notify(`The plugin “${this.name}” kept failing and was switched off here for a while.`, { kind: "warning" });
  }

  /** Runs something of the plugin's: whatever goes wrong in it stays there. */
  guard(run, ...given) {
    try {
      const result = run(...given);
      if (typeof result?.then === "function") result.then(undefined, (error) => this.failed(error));
      return result;
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** The plugin's function, to be called by anybody; it does nothing once the plugin is gone. */
  wrap(what, run) {
    if (typeof run !== "function") throw new TypeError(`${what} has to be a function`);
    return (...given) => (this.disposed ? undefined : this.guard(run, ...given));
  }

  /** @returns {() => void} ends it */
  listen(kind, listener) {
    const wrapped = this.wrap(`a listener for ${kind}`, listener);
    if (this.disposed) return () => {};
    if (!this.#listeners.has(kind)) this.#listeners.set(kind, new Set());
    const listeners = this.#listeners.get(kind);
    listeners.add(wrapped);
    return () => void listeners.delete(wrapped);
  }

  /** Tells everybody who listens. */
  emit(kind, ...given) {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) listener(...given);
  }

  /**
   * Something with a `remove` that goes with the plugin. Its getters stay live.
   * @template {{remove(): void}} Thing
   * @param {Thing} thing
   * @returns {Thing}
   */
  own(thing) {
    if (this.disposed) {
      thing.remove();
      return thing;
    }
    const remove = () => {
      if (this.#disposers.delete(remove)) thing.remove();
    };
    this.#disposers.add(remove);
    return Object.create(thing, { remove: { value: remove } });
  }

  onDispose(listener) {
    if (typeof listener !== "function") throw new TypeError("a listener for the end has to be a function");
    if (this.disposed) {
      this.guard(listener);
      return () => {};
    }
    this.#disposers.add(listener);
    return () => void this.#disposers.delete(listener);
  }

  onMessage(listener) {
    const end = this.listen("message", listener);
    // Once it is through with what it is doing: it may not be ready for them in this line.
    queueMicrotask(() => {
      for (const data of this.#waiting.splice(0)) this.emit("message", data);
    });
    return end;
  }

  onConnection(listener, status) {
    const end = this.listen("connection", listener);
    if (!this.disposed) this.guard(listener, status.connection, status);
    return end;
  }

  // What happens on the page.

  message(data) {
    if (this.disposed) return;
    if (this.#listeners.get("message")?.size) {
      this.emit("message", data);
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
    this.emit("connection", status.connection, status);
  }

  /** Everything it added goes, what came last first. */
  dispose() {
    if (this.disposed) return;
    this.disposed = true;
    this.#listeners.clear();
    for (const dispose of [...this.#disposers].reverse()) this.guard(dispose);
    this.#waiting = [];
  }
}
