/**
 * The algebra: quill-delta's, with our policies on top.
 *
 * Lengths and positions are UTF-16 code units, as JavaScript counts them.
 */

import Delta from "../vendor/quill-delta.js";

export { Delta };

/** The longest part of an operation, in UTF-16 code units. */
const LONGEST = 2 ** 31 - 1;

/** That value is no operation, or not one this document's type admits. */
export class InvalidOperation extends Error {
  name = "InvalidOperation";
}

/**
 * Whose insert stays on the left when two insert at the same place: the lower id's (ASCII).
 *
 * Not the arrival order: so two people who type at one place never interleave letter by
 * letter, and nothing depends on timing. The server decides by the same rule.
 */
export function precedes(client, other) {
  return client < other;
}

/**
 * Two concurrent deltas past each other.
 *
 *            base
 *      mine /    \ theirs
 *          ·      ·
 *   theirs' \    / mine'
 *           result
 *
 * @param {Delta} mine by client `me`
 * @param {Delta} theirs by client `them`
 * @returns {{mine: Delta, theirs: Delta}} each rewritten to apply after the other
 */
export function cross(mine, theirs, me, them) {
  const theyPrecede = precedes(them, me);
  return { mine: theirs.transform(mine, theyPrecede), theirs: mine.transform(theirs, !theyPrecede) };
}

/**
 * Any JSON value as a normalised Delta.
 *
 * @param {unknown} value a list of operations
 * @param {"text" | "richtext"} [type] of the document: `text` admits plain strings only
 * @throws {InvalidOperation} that says what is wrong, and where
 */
export function validate(value, type = "richtext") {
  if (!Array.isArray(value)) throw new InvalidOperation("An operation is a list of parts.");
  const delta = new Delta();
  value.forEach((part, index) => {
    const wrong = (what) => new InvalidOperation(`Part ${index} ${what}.`);
    if (!isObject(part)) throw wrong("is not an object");
    const { attributes, ...action } = part;
    const [kind, ...more] = Object.keys(action);
    if (more.length || !["insert", "retain", "delete"].includes(kind)) {
      throw wrong("needs exactly one of insert, retain and delete, and nothing unknown");
    }
    if ("attributes" in part) {
      if (!isObject(attributes)) throw wrong("has attributes that are not an object");
      if (kind === "delete") throw wrong("deletes, and can't have attributes");
      refuseInheritedNames(attributes, wrong);
      if (type === "text" && Object.keys(attributes).length) {
        throw wrong("has attributes, which plain text doesn't");
      }
    }
    if (kind === "insert") {
      checkInsert(part.insert, type, wrong);
      delta.insert(part.insert, attributes && withoutNulls(attributes));
    } else {
      const length = part[kind];
      if (!Number.isInteger(length) || length < 1 || length > LONGEST) {
        throw wrong(`has a ${kind} that is not a whole number from 1 to ${LONGEST}`);
      }
      if (kind === "retain") delta.retain(length, attributes);
      else delta.delete(length);
    }
  });
  return delta.chop();
}

function checkInsert(insert, type, wrong) {
  if (typeof insert === "string") {
    if (!insert) throw wrong("inserts nothing");
    if (!isWellFormed(insert)) throw wrong("inserts half a character (a lone surrogate) or U+0000");
  } else if (type === "text" || !isObject(insert) || Object.keys(insert).length !== 1) {
    throw wrong(type === "text" ? "inserts no text" : "inserts neither text nor one embed");
  } else {
    refuseInheritedNames(insert, wrong);
  }
}

/** Every object has such a name without being given it, so attributes and embeds may not. */
function refuseInheritedNames(value, wrong) {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value) && name in Object.prototype) {
      throw wrong(`has an attribute or an embed called ${name}, which is no name for one`);
    }
    refuseInheritedNames(inner, wrong);
  }
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutNulls(attributes) {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
}

/** A lone surrogate is half a character; U+0000 is one that databases can't hold. */
const UNFIT = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Whether the text holds whole characters only, and no U+0000. */
export function isWellFormed(text) {
  return text.search(UNFIT) < 0;
}

/** The text with everything that no document holds replaced by U+FFFD; as long as before. */
export function wellFormed(text) {
  return text.replace(UNFIT, "\uFFFD");
}

/**
 * A delta whose texts are well formed, for one that an editor has already applied.
 *
 * @returns {{delta: Delta, repair: Delta | null}} `repair` mends the editor's content; null
 *   when nothing was broken
 */
export function repaired(applied) {
  const broken = ({ insert }) => typeof insert === "string" && !isWellFormed(insert);
  if (!applied.ops.some(broken)) return { delta: applied, repair: null };
  const delta = new Delta();
  const repair = new Delta();
  for (const op of applied.ops) {
    if (broken(op)) {
      const text = wellFormed(op.insert);
      delta.insert(text, op.attributes);
      repair.insert(text, op.attributes).delete(text.length);
    } else {
      delta.push(op);
      if (op.insert !== undefined) repair.retain(op.insert.length ?? 1);
      else if (op.retain) repair.retain(op.retain);
    }
  }
  return { delta: delta.chop(), repair: repair.chop() };
}

/** Deltas that follow each other as one; by halves, so that many small ones stay cheap. */
export function composeAll(deltas) {
  if (deltas.length === 0) return new Delta();
  let row = deltas;
  while (row.length > 1) {
    const next = [];
    for (let i = 0; i < row.length; i += 2) {
      next.push(i + 1 < row.length ? row[i].compose(row[i + 1]) : row[i]);
    }
    row = next;
  }
  return row[0];
}

/** The text a delta inserts, for a person to read: separate places on separate lines. */
export function insertedText(delta) {
  const places = [];
  let open = false;
  for (const { insert } of delta.ops) {
    if (insert === undefined) {
      open = false;
    } else {
      const text = typeof insert === "string" ? insert : `[${Object.keys(insert)[0]}]`;
      if (open) places[places.length - 1] += text;
      else places.push(text);
      open = true;
    }
  }
  return places.join("\n");
}

/** The parts of a delta's inserts put together: a document's text (embeds left out). */
export function plainText(delta) {
  return delta.ops.map(({ insert }) => (typeof insert === "string" ? insert : "")).join("");
}

/** JSON with sorted keys and no spaces: equal values are equal texts. */
export function canonicalJSON(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJSON).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort().map(
    (key) => `${JSON.stringify(key)}:${canonicalJSON(value[key])}`,
  );
  return `{${members.join(",")}}`;
}

/** A delta in which an op without attributes has no member of that name, as the server has it. */
export function withoutEmptyAttributes(delta) {
  const empty = ({ attributes }) => attributes && !Object.keys(attributes).length;
  if (!delta.ops.some(empty)) return delta;
  const result = new Delta();
  for (const op of delta.ops) {
    const { attributes, ...plain } = op;
    result.push(empty(op) ? plain : op);
  }
  return result;
}

/** What stands for text that was deleted and is not known any more. */
const UNKNOWN = "unknown text";

/**
 * `committed` with the formats of what it retains as changes of what `made` left there.
 *
 * @returns {Delta | null} null when `made` changed a format that `committed` leaves as it was
 */
function relativeFormats(made, committed) {
  const steps = made.ops
    .filter((op) => op.insert === undefined)
    .map((op) => ({ length: op.delete ?? op.retain, ours: op.attributes ?? {} }))
    .reverse();
  const result = new Delta();
  for (const op of committed.ops) {
    if (op.insert !== undefined) {
      result.insert(op.insert, op.attributes);
      continue;
    }
    const theirs = op.attributes ?? {};
    for (let left = op.delete ?? op.retain; left > 0;) {
      const step = steps.pop() ?? { length: left, ours: {} };
      const length = Math.min(step.length, left);
      if (step.length > length) steps.push({ length: step.length - length, ours: step.ours });
      left -= length;
      if (op.delete) {
        result.delete(length);
        continue;
      }
      if (Object.keys(step.ours).some((key) => !Object.hasOwn(theirs, key))) return null;
      const changed = Object.entries(theirs).filter(
        ([key, value]) =>
          !Object.hasOwn(step.ours, key) || canonicalJSON(step.ours[key]) !== canonicalJSON(value),
      );
      result.retain(length, Object.fromEntries(changed));
    }
  }
  return steps.some(({ ours }) => Object.keys(ours).length) ? null : result;
}

/**
 * What leads from the result of `made` to the result of `committed`, both on the same base.
 *
 * Found without the base: what `made` deleted is stood in for by marked text, and must be
 * deleted by `committed` too.
 *
 * @returns {Delta | null} null when only the base could tell
 */
export function correction(made, committed) {
  const relative = relativeFormats(made, committed);
  if (!relative) return null;
  const undo = new Delta();
  for (const op of made.ops) {
    if (op.insert !== undefined) undo.delete(typeof op.insert === "string" ? op.insert.length : 1);
    else if (op.delete) undo.insert("\0".repeat(op.delete), { [UNKNOWN]: true });
    else undo.retain(op.retain);
  }
  const delta = undo.compose(relative);
  return delta.ops.some(({ attributes }) => attributes?.[UNKNOWN]) ? null : delta;
}
