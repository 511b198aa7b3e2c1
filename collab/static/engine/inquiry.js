/**
 * What plain HTTP says about a document whose socket can't be opened: a page is not told how a
 * handshake failed.
 */

import { Delta } from "./ot.js";

/** Answers that mean that trying again is of no use. */
const FINAL = new Set(["bad_token", "deleted", "forbidden", "no_document"]);

/** How a server answers a request at a socket's address that asks for no WebSocket. */
const WOULD_UPGRADE = new Set(["bad_request", "not_found"]);

/** Longest wait for an answer, in ms. */
const ANSWER_WITHIN = 15_000;

/**
 * @typedef {object} Found
 * @property {{code: string, message: string} | null} refused why trying again is of no use
 * @property {boolean} blocked whether the server answers HTTP, and nothing of it explains why there
 *   is no WebSocket: something on the way does not let it through
 */

/**
 * Asks at `…/documents/ID`, whose socket is `…/documents/ID/socket`, and then there.
 * @param {string} url of the socket
 * @returns {Promise<Found>}
 */
export async function inquire(url) {
  const socket = url.replace(/^ws/, "http");
  const document = await ask(socket.replace(/\/socket$/, ""));
  if (document.error) return { refused: FINAL.has(document.error.code) ? document.error : null, blocked: false };
  if (!document.ok) return { refused: null, blocked: false }; // the server is away
  const { reached, ok, error } = await ask(socket);
  // A server that says something else, such as that too many are connected, is not cut off.
  const blocked = reached && !ok && (!error || WOULD_UPGRADE.has(error.code));
  return { refused: null, blocked };
}

/**
 * The document's content, over plain HTTP.
 * @param {string} url of the socket
 * @returns {Promise<Delta | null>} null when it can't be had
 */
export async function readOver(url) {
  const address = url.replace(/^ws/, "http").replace(/\/socket$/, "/content");
  const { ok, body } = await ask(address);
  return ok && Array.isArray(body) ? new Delta(body) : null;
}

/** @returns {Promise<{reached: boolean, ok: boolean, body: unknown, error: object | null}>} */
async function ask(address) {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN);
    const response = await fetch(address, { headers: { Accept: "application/json" }, signal });
    const body = await response.json().catch(() => null); // something between us and it answered
    const { error } = body ?? {};
    const told = error ? { code: error.code, message: error.message } : null;
    return { reached: true, ok: response.ok && body !== null, body, error: told };
  } catch {
    return { reached: false, ok: false, body: null, error: null };
  }
}
