/** Cutting an edit that is too large for one message into several that follow each other. */

import { Delta } from "./ot.js";

/** Bytes of an operation message around its delta, generously. */
const ENVELOPE = 256;

/** The most bytes one code unit takes as JSON in UTF-8 (an escape: backslash, u, four digits). */
const UNIT = 6;

/** The most bytes of a part around its text or length, generously. */
const PART = 48;

/**
 * @typedef {object} Limits
 * @property {number} operation_size UTF-16 code units one operation may insert
 * @property {number} message_size bytes of one message
 * @property {number} [operation_parts] parts of one operation
 */

/**
 * The largest beginning of `delta` that one message may carry, and the rest on top of it:
 * `first.compose(rest)` is `delta`. A part that can't be cut (an embed) goes as it is.
 *
 * @param {Delta} delta
 * @param {Limits} limits
 * @returns {{first: Delta, rest: Delta | null}} null when everything fits
 */
export function split(delta, limits) {
  const bytes = limits.message_size - ENVELOPE;
  const units = limits.operation_size;
  // Half of what is taken: what others write meanwhile may part it further before it is sent again.
  const most = Math.max(1, Math.floor((limits.operation_parts ?? Infinity) / 2));
  if (surelyFits(delta, units, bytes, most)) return { first: delta, rest: null };

  const first = [];
  let changes = false; // whether `first` does anything yet
  let unitsLeft = units;
  let bytesLeft = bytes;
  let output = 0; // length of what `first` leaves behind it, in code units
  for (let index = 0; index < delta.ops.length; index++) {
    const op = delta.ops[index];
    const { insert } = op;
    const length = lengthOf(insert);
    const around = PART + bytesOf(op.attributes);
    const cost = length > unitsLeft ? Infinity : around + bytesOf(insert);
    const full = changes && first.length >= most;
    if (full || (cost > bytesLeft && (changes || typeof insert === "string"))) {
      const parts = delta.ops.slice(index);
      if (!full && typeof insert === "string") {
        const head = beginning(insert, changes, unitsLeft, bytesLeft - around);
        if (head) first.push({ ...op, insert: insert.slice(0, head) });
        if (head < length) parts[0] = { ...op, insert: insert.slice(head) };
        else parts.shift();
        output += head;
      }
      const rest = new Delta().retain(output);
      for (const part of parts) rest.push(part);
      rest.chop();
      return { first: new Delta(first).chop(), rest: rest.ops.length ? rest : null };
    }
    first.push(op);
    changes ||= op.retain === undefined || op.attributes !== undefined;
    output += op.retain ?? length;
    unitsLeft -= length;
    bytesLeft -= cost;
  }
  return { first: delta, rest: null };
}

function lengthOf(insert) {
  if (insert === undefined) return 0;
  return typeof insert === "string" ? insert.length : 1;
}

/** A cheap upper bound, true for nearly every edit. */
function surelyFits(delta, units, bytes, most) {
  if (delta.ops.length > most) return false;
  let inserted = 0;
  for (const { insert, attributes } of delta.ops) {
    if (attributes || typeof insert === "object") return false;
    inserted += lengthOf(insert);
  }
  return inserted <= units && inserted * UNIT + delta.ops.length * PART <= bytes;
}

/**
 * How many code units from the start of `text` fit, whole characters only; one character at
 * least unless `none` is an answer too, so that a limit turned down to 1 still gets on.
 */
function beginning(text, none, units, bytes) {
  let used = 0;
  let end = 0;
  while (end < text.length) {
    const code = text.codePointAt(end);
    const step = code > 0xffff ? 2 : 1;
    used += bytesOfCharacter(code);
    if ((end || none) && (end + step > units || used > bytes)) break;
    end += step;
  }
  return end;
}

/** Of one character inside a JSON string in UTF-8, or a little more. */
function bytesOfCharacter(code) {
  if (code < 0x20 || code === 0x22 || code === 0x5c) return UNIT;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code > 0xffff ? 4 : 3;
}

const encoder = new TextEncoder();

function bytesOf(value) {
  return value === undefined ? 0 : encoder.encode(JSON.stringify(value)).length;
}
