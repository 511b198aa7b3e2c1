/** Words and characters as people count them. */

/** Scripts that put no spaces between words. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/** What may be more than one code unit for one character, with what it may be joined to. */
const COMPOSED = /[^]?[^\x00-\u02ff]+/g;

const segmenters = {};

/** The parts of a text as Unicode has them; made once, because making one is slow. */
function segment(granularity, text) {
  segmenters[granularity] ??= new Intl.Segmenter(undefined, { granularity });
  return segmenters[granularity].segment(text);
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
    for (const { isWordLike } of segment("word", part)) if (isWordLike) count++;
  }
  return count;
}

/** How many characters one sees: é and 👨‍👩‍👧‍👦 are one, however many code units they are. */
export function characters(text) {
  let count = text.length;
  for (const [part] of text.matchAll(COMPOSED)) {
    count -= part.length;
    for (const _ of segment("grapheme", part)) count++;
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
