/** What follows when the server won't take something: by error code, in one place. */

/** A fresh start mends these; after any other the document stays closed to us. */
const MENDED_BY_FRESH_START = new Set([
  "bad_client",
  "bad_revision",
  "bad_sequence",
  "compacted",
  "epoch_changed",
  "message_too_large",
  "rewritten",
  "superseded",
]);

/** The server's document may lack more than what is unsent here. */
const SERVER_KNOWS_LESS = new Set([
  "bad_revision",
  "deleted",
  "epoch_changed",
  "mismatch",
  "no_document",
]);

/** They say nothing about the work itself: a newer page may deliver it. */
const DELIVERABLE_LATER = new Set(["bad_address", "binary_frame", "unsupported_protocol"]);

/** Whether a new client with a fresh snapshot gets on; so it is with any refused operation. */
export function mendedByFreshStart({ code, sequence }) {
  return sequence !== undefined || MENDED_BY_FRESH_START.has(code);
}

/** Whether a rescue copy holds the whole text, not only what was typed last. */
export function keepsWholeText({ code }) {
  return SERVER_KNOWS_LESS.has(code);
}

/** Whether unsent work stays where it is for another time. */
export function deliverableLater({ code }) {
  return DELIVERABLE_LATER.has(code);
}
