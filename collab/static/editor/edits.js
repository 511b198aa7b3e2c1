/** Several edits at once, as plugins write them: whether they make sense, before anything is done. */

/**
 * @typedef {{from: number, to: number, insert: string}} Edit positions are UTF-16 code units in
 *   the text as it is before all of the edits
 */

/**
 * The edits in the order of their positions; those at one place stay in their order.
 * @param {Iterable<Edit>} edits
 * @param {number} length of the text
 * @returns {Edit[]}
 * @throws {TypeError} for what is no list of edits
 * @throws {RangeError} for edits outside of the text, that end before they begin, or that overlap
 */
export function orderedEdits(edits, length) {
  if (typeof edits?.[Symbol.iterator] !== "function" || typeof edits === "string") {
    throw new TypeError("the edits have to be a list of {from, to, insert}");
  }
  const ordered = Array.from(edits, (edit) => checked(edit, length));
  ordered.sort((a, b) => a.from - b.from || a.to - b.to);
  for (let index = 1; index < ordered.length; index++) {
    const [before, after] = [ordered[index - 1], ordered[index]];
    if (after.from < before.to) throw new RangeError(`the edits ${shown(before)} and ${shown(after)} overlap`);
  }
  return ordered;
}

function checked(edit, length) {
  const { from, to, insert } = Object(edit);
  for (const position of [from, to]) {
    if (!Number.isInteger(position)) throw new TypeError(`${String(position)} is not a position`);
    if (position < 0 || position > length) {
      throw new RangeError(`position ${position} is out of range for a document of length ${length}`);
    }
  }
  if (from > to) throw new RangeError(`${from} lies behind ${to}`);
  if (typeof insert !== "string") throw new TypeError(`what the edit ${shown({ from, to })} inserts is not a string`);
  return { from, to, insert };
}

const shown = ({ from, to }) => `${from}–${to}`;

/**
 * Where the caret goes when one of the edits takes the place of the selection: behind it.
 * @param {Edit[]} ordered
 * @param {{from: number, to: number}} selected
 * @returns {number | null} in the text after the edits; null: the selection moves with the text
 */
export function caretBehind(ordered, selected) {
  let grown = 0;
  let caret = null;
  for (const { from, to, insert } of ordered) {
    grown += insert.length - (to - from);
    if (from === selected.from && to === selected.to) caret = to + grown;
  }
  return caret;
}
