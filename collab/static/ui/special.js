/** Characters that are not seen, or that reorder what is seen, and what they are called. */

/** Those that reorder text without being seen, which CodeMirror alone would leave unseen. */
export const BIDI_CONTROLS = /[\u202a\u202b\u202c\u2068]/g;

/** All that are shown by a mark where people's text is shown outside of the editor. */
const SPECIAL = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\ufff9-\ufffc]+/g;

export const NAMES = new Map([
  [0xad, "soft hyphen"],
  [0x61c, "arabic letter mark"],
  [0x200b, "zero width space"],
  [0x200e, "left-to-right mark"],
  [0x200f, "right-to-left mark"],
  [0x2028, "line separator"],
  [0x2029, "paragraph separator"],
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "pop directional formatting"],
  [0x202d, "left-to-right override"],
  [0x202e, "right-to-left override"],
  [0x2066, "left-to-right isolate"],
  [0x2067, "right-to-left isolate"],
  [0x2068, "first strong isolate"],
  [0x2069, "pop directional isolate"],
  [0x3164, "hangul filler"],
  [0xfeff, "zero width no-break space"],
  [0xfffc, "object replacement"],
]);

/** A row of combining marks on one character: more of them take a browser long to draw. */
const MARKS = /(\p{M}{8})\p{M}+/gu;

/** Dots that stand for a row of such characters at most. */
const DOTS = 3;

/** Rows of such characters in one text that have a mark with a name; others are only dots. */
const MOST = 100;

/**
 * A text in parts: `{text}` as it is, and `{marks, title}` for characters that are not seen.
 * @param {string} written
 */
export function* parts(written) {
  const text = written.replace(MARKS, "$1•");
  let at = 0;
  let count = 0;
  for (const { 0: row, index } of text.matchAll(SPECIAL)) {
    if (count++ === MOST) {
      yield { text: text.slice(at).replace(SPECIAL, "•") };
      return;
    }
    if (index > at) yield { text: text.slice(at, index) };
    yield { marks: "•".repeat(Math.min(row.length, DOTS)), title: described(row) };
    at = index + row.length;
  }
  if (at < text.length) yield { text: text.slice(at) };
}

function described(row) {
  const names = new Set([...row.slice(0, 100)].map((char) => NAMES.get(char.charCodeAt(0)) ?? "control character"));
  return [...names].join(", ");
}
