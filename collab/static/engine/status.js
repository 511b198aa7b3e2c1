/** How the work on a document is doing, for whoever shows it. */

/**
 * @typedef {object} Status
 * @property {import("./connection.js").ConnectionStatus} connection
 * @property {number} unsaved edits that are not acknowledged: one for each keystroke
 * @property {boolean} saving whether there are any
 * @property {boolean} atRisk saving, and the server is away or slow, or the browser's storage
 *   refuses to keep the edits
 * @property {boolean} kept whether all unacknowledged edits are on this computer's disk
 * @property {boolean} keeps whether the browser's storage takes what it is given
 * @property {boolean} blocked whether the server is there, but no WebSocket gets through to it
 * @property {boolean} taken whether what is typed is taken: the document is here
 * @property {string | null} code why it is refused or offline, if the server said
 * @property {string | null} sentence the same for a person
 * @property {number | null} retryAt when it tries again, in seconds since 1970
 */

/**
 * @param {import("./synchronizer.js").Synchronizer} synchronizer
 * @param {{kept: boolean, keeps: boolean, owed: number}} keeping
 * @returns {Status}
 */
export function statusOf({ connection, machine, overdue }, { kept, keeps, owed }) {
  const { status, error, retryAt, blocked } = connection;
  const unsaved = (machine?.unsaved ?? 0) + owed;
  const saving = unsaved > 0;
  return {
    connection: status,
    unsaved,
    saving,
    atRisk: saving && (status !== "connected" || overdue || !keeps),
    kept,
    keeps,
    blocked,
    taken: machine !== null,
    code: error?.code ?? null,
    sentence: error?.message ?? null,
    retryAt: retryAt && retryAt / 1000,
  };
}

/**
 * What somebody is told who may do less or more than a moment ago; null when it is the same.
 * @param {string[]} before
 * @param {string[]} now
 * @returns {{code: string, message: string, kind: "info" | "warning"} | null}
 */
export function changeOfPermissions(before, now) {
  const writable = now.includes("write");
  if (before.includes("write") === writable) return null;
  const message = writable
    ? "You may write in this document now."
    : "You may read this document now, but not change it any more.";
  return { code: "permissions_changed", message, kind: writable ? "info" : "warning" };
}
