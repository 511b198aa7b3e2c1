/** What follows when the server won't take something: by error code, in one place. */

/** A fresh start mends these; after any other the document stays closed to us. */
const MENDED_BY_FRESH_START = new Set([
  "bad_client",
  "bad_revision",
  "bad_sequence",
  "compacted",
  "edit_missed",
  "epoch_changed",
  "history_changed",
  "message_too_large",
  "mismatch",
  "page_failed",
  "rewritten",
  "superseded",
]);

/** The server has all but what is unsent here. So it has after it refused a single operation. */
const SERVER_HAS_THE_REST = new Set([
  "bad_client",
  "compacted",
  "message_too_large",
  "page_failed",
  "rewritten",
  "superseded",
]);

/** The server may lack more than what is unsent here, whenever it says so. */
const SERVER_KNOWS_LESS = new Set(["bad_revision", "bad_sequence", "epoch_changed", "history_changed"]);

/** They say nothing about the work itself: another page may deliver it. */
const DELIVERABLE_LATER = new Set(["bad_address", "binary_frame", "page_stopped", "unsupported_protocol"]);

/** What is unsent stays where it is kept: the next start here, or whoever took our place, delivers it. */
const DELIVERED_BY_ANOTHER = new Set(["edit_missed", "page_failed", "superseded"]);

/** For a person, where the server's own sentence is for the authors of clients. */
const SENTENCES = {
  bad_revision: "The server has an older copy of this document than this tab had.",
  history_changed: "The server has another copy of this document than this tab had, perhaps an older one.",
  compacted: "The document has changed too much since this tab was last connected.",
  no_document: "The document is not there any more: it was deleted.",
  unsupported_protocol: "The server runs another version of Collab than this page: reload the page.",
};

/** The error with a sentence that says what happened to a person. */
export function inPlainWords(error) {
  return { ...error, message: SENTENCES[error.code] ?? error.message };
}

/** Whether a new client with a fresh snapshot gets on; so it is with any refused operation. */
export function mendedByFreshStart({ code, sequence }) {
  return sequence !== undefined || MENDED_BY_FRESH_START.has(code);
}

/** Whether a rescue copy holds the whole text, as the person saw it, not only what was typed last. */
export function keepsWholeText({ code, sequence }) {
  return sequence === undefined ? !SERVER_HAS_THE_REST.has(code) : SERVER_KNOWS_LESS.has(code);
}

/** Whether unsent work stays where it is for another time. */
export function deliverableLater({ code }) {
  return DELIVERABLE_LATER.has(code);
}

/** Whether what is unsent, and kept, is delivered without this client. */
export function deliveredByAnother({ code }) {
  return DELIVERED_BY_ANOTHER.has(code);
}
