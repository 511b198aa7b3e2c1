/**
 * Between CodeMirror's changes and deltas; the cost is the edit's, not the document's.
 *
 * Both count UTF-16 code units. The editor's state has to be made with the line separator
 * "\n" (`WHOLE_LINES`), so that a "\r" is a character like any other and both lengths are equal.
 */

import { isolateHistory } from "@codemirror/commands";
import { Annotation, ChangeSet, EditorState, Transaction } from "@codemirror/state";

import { Delta, wellFormed } from "../engine/ot.js";

/** On transactions that bring edits from the server: the ids of the clients who made them. */
export const remote = Annotation.define();

export const WHOLE_LINES = EditorState.lineSeparator.of("\n");

/** Whether a border at `at` would lie between the two halves of a character. */
function cuts(text, at) {
  if (at <= 0 || at >= text.length) return false;
  const around = text.sliceString(at - 1, at + 1);
  return isHigh(around.charCodeAt(0)) && isLow(around.charCodeAt(1));
}

const isHigh = (unit) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit) => unit >= 0xdc00 && unit < 0xe000;

/**
 * The changes as {from, to, insert}, widened where they would cut a surrogate pair.
 * What a browser reports is the difference of two texts, and 😀 and 😁 differ in one half only.
 * @param {import("@codemirror/state").Text} before
 * @param {ChangeSet} changes
 */
function wholeChanges(before, changes) {
  const found = [];
  let widened = false;
  changes.iterChanges((fromA, toA, _fromB, _toB, inserted) => {
    let [from, to, insert] = [fromA, toA, inserted.toString()];
    if (cuts(before, from)) insert = before.sliceString(--from, fromA) + insert;
    if (cuts(before, to)) insert += before.sliceString(to, ++to);
    widened ||= from < fromA || to > toA;
    found.push({ from, to, insert });
  });
  return { found, widened };
}

/** The delta that does to a document what `changes` do to its text `before`. */
export function deltaOf(before, changes) {
  const delta = new Delta();
  let at = 0;
  for (const { from, to, insert } of wholeChanges(before, changes).found) {
    if (from > at) delta.retain(from - at);
    if (insert) delta.insert(insert);
    if (to > from) delta.delete(to - from);
    at = to;
  }
  return delta;
}

/**
 * The changes that do to a text of `length` what `delta` does to a document.
 * @param {Delta} delta of plain text
 * @param {number} length
 */
export function changesOf(delta, length) {
  const changes = [];
  let at = 0;
  let last = null;
  for (const op of delta.ops) {
    if (op.retain !== undefined) {
      at += op.retain;
      last = null;
      continue;
    }
    // An insert and a delete beside each other are one replacement.
    if (!last) changes.push((last = { from: at, to: at, insert: "" }));
    if (op.delete !== undefined) at = last.to += op.delete;
    else last.insert += op.insert;
  }
  return ChangeSet.of(changes, length, "\n");
}

/** The smallest single replacement that leads from one text to another, or null when they are equal. */
export function replacement(before, after) {
  if (before === after) return null;
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  let tail = 0;
  while (
    tail < shorter - start &&
    before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)
  ) {
    tail++;
  }
  if (start && isHigh(before.charCodeAt(start - 1))) start--;
  if (tail && isLow(before.charCodeAt(before.length - tail))) tail--;
  return { from: start, to: before.length - tail, insert: after.slice(start, after.length - tail) };
}

/**
 * Keeps half characters and NUL (which no document may hold) out of the text, and
 * character-cutting changes out of the undo history, where they could later meet a
 * remote edit of the other half.
 */
export const wholeCharacters = EditorState.transactionFilter.of((transaction) => {
  if (!transaction.docChanged || transaction.annotation(remote)) return transaction;
  const { found, widened } = wholeChanges(transaction.startState.doc, transaction.changes);
  const clean = found.map((change) => ({ ...change, insert: storable(change.insert) }));
  if (!widened && clean.every(({ insert }, index) => insert === found[index].insert)) return transaction;
  const annotations = [Transaction.addToHistory, Transaction.userEvent, isolateHistory]
    .map((type) => [type, transaction.annotation(type)])
    .filter(([, value]) => value !== undefined)
    .map(([type, value]) => type.of(value));
  return {
    changes: clean,
    selection: transaction.selection, // all lengths are as they were
    effects: transaction.effects,
    scrollIntoView: transaction.scrollIntoView,
    annotations,
  };
});

/** The text as a document may hold it, of the same length. */
function storable(text) {
  return wellFormed(text).replaceAll("\0", "\uFFFD");
}
