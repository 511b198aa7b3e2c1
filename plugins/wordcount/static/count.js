/** Words and characters as people count them. */

/** Scripts that put no spaces between words. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/** What may be more than one code unit for one character, with what it may be joined to. */
const COMPOSED = /[^]?[^\x00-\u02ff]+/g;

/** Code units that are segmented at once: browsers take quadratic time for a long text. */
const AT_ONCE = 1000;

const segmenters = {};

/** The parts of a text as Unicode has them. */
function* segments(granularity, text) {
  segmenters[granularity] ??= new Intl.Segmenter(undefined, { granularity }); // making one is slow
  for (let at = 0; at < text.length; ) {
    const piece = text.slice(at, at + AT_ONCE);
    const whole = at + piece.length === text.length;
    const found = [...segmenters[granularity].segment(piece)];
    // The last part may go on in the next piece.
    if (!whole && found.length > 1) found.pop();
    yield* found;
    const last = found.at(-1);
    at += last.index + last.segment.length;
  }
}

/**
 * How many words a text has. Spaces part them; in Chinese, Japanese, Thai and the like a
 * dictionary does, which the browser has.
 */
export function words(text) {
  let count = 0;
  for (const [part] of text.matchAll(/\S+/g)) {
    if (!UNSPACED.test(part)) {
      if (/[\p{L}\p{N}]/u.test(part)) count++;
      continue;
    }
    for (const { isWordLike } of segments("word", part)) if (isWordLike) count++;
  }
  return count;
}

/** How many characters one sees: é and 👨‍👩‍👧‍👦 are one, however many code units they are. */
export function characters(text) {
  let count = text.length;
  for (const [part] of text.matchAll(COMPOSED)) {
    count -= part.length;
    for (const _ of segments("grapheme", part)) count++;
  }
  return count;
}

/** Words and characters of a text. */
export const count = (text) => ({ words: words(text), characters: characters(text) });

const number = (value) => value.toLocaleString("en");
const counted = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;

/**
 * What the status line says.
 * @param {{words: number, characters: number}} all of the document
 * @param {?{words: number, characters: number}} selected null when nothing is
 */
export function describe(all, selected = null) {
  const { words, characters } = all;
  if (!selected) return `${counted(words, "word", "words")}, ${counted(characters, "character", "characters")}`;
  return (
    `${number(selected.words)} of ${counted(words, "word", "words")}, ` +
    `${number(selected.characters)} of ${counted(characters, "character", "characters")}`
  );
}
