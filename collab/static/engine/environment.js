import { Database } from "./database.js";
import { inquire, readOver } from "./inquiry.js";

/**
 * What the engine takes from the browser, in one place: tests bring their own.
 *
 * @typedef {object} Environment
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {(fn: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: unknown) => void} clearTimeout
 * @property {() => number} now ms since 1970
 * @property {() => number} random from 0 to 1
 * @property {() => string} token a new name that nobody else has
 * @property {(fn: () => void) => () => void} onWake calls `fn` when the network is back or the
 *   page is looked at again; returns how to stop that
 * @property {typeof import("./inquiry.js").inquire} inquire what the server says over HTTP about
 *   the document behind a socket's address
 * @property {typeof import("./inquiry.js").readOver} readOver the content of that document
 * @property {(error: unknown) => void} report tells a developer what was thrown and is taken care of
 * @property {string} address of the page
 * @property {(fn: () => void) => void} onLeave calls `fn` when the page may be about to end
 * @property {Pick<import("./database.js").Database, "entries" | "write">} database
 * @property {Storage | null} storage `localStorage`; null where it is forbidden
 * @property {LockManager | null} locks null on pages that are not secure (http:)
 * @property {typeof globalThis.BroadcastChannel} BroadcastChannel
 */

/** @returns {Environment} */
export function browserEnvironment() {
  return {
    WebSocket: globalThis.WebSocket,
    setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => Date.now(),
    random: Math.random,
    token,
    onWake,
    inquire,
    readOver,
    report: (error) => console.error("The document is loaded again, because of:", error),
    address: globalThis.location?.href,
    onLeave,
    database: new Database(),
    storage: storage(),
    locks: globalThis.navigator?.locks ?? null,
    BroadcastChannel: globalThis.BroadcastChannel,
  };
}

function token() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reading `localStorage` throws where the user forbade it. */
function storage() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

function onWake(fn) {
  const visible = () => {
    if (document.visibilityState === "visible") fn();
  };
  addEventListener("online", fn);
  addEventListener("offline", fn);
  document.addEventListener("visibilitychange", visible);
  return () => {
    removeEventListener("online", fn);
    removeEventListener("offline", fn);
    document.removeEventListener("visibilitychange", visible);
  };
}

/** Once hidden, a page on a phone may never hear anything again. */
function onLeave(fn) {
  addEventListener("pagehide", fn);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && fn());
}

/**
 * The whole address of a socket.
 * @param {string} socket a path or a whole URL
 * @param {string} address of the page
 */
export function socketURL(socket, address) {
  const url = new URL(socket, address);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
