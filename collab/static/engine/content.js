/** The content that an editor holds, in the forms in which it is kept and compared. */

import { canonicalJSON, plainText } from "./ot.js";

/**
 * @typedef {object} Editor what an editor's adapter implements
 * @property {(content: Delta) => void} setContent replaces everything
 * @property {(delta: Delta, whose?: {clients: string[]}) => void} applyRemote applies others'
 *   edits (the ids of the clients who made them); must not report them
 * @property {() => string} text the present text (plain text documents)
 * @property {() => Delta} [content] the present content (rich text documents)
 * @property {(writable: boolean) => void} setWritable
 *
 * @typedef {import("./ot.js").Delta} Delta
 */

/**
 * What a person reads in it.
 * @param {Editor} editor
 * @param {{like: string}} document
 */
export function textOf(editor, { like }) {
  return like === "text" ? editor.text() : plainText(editor.content());
}

/** What its checksum is made of; see docs/protocol.md. */
export function summedOf(editor, { like }) {
  return like === "text" ? editor.text() : canonicalJSON(editor.content().ops);
}

/** A document's record, completed: the server says what it is like only when that is not its type. */
export function known(document) {
  return { ...document, like: document.like ?? document.type };
}
