/** Completing "@qui" to "@Quiet Otter ". */

/** Names that are offered at most. */
export const MOST = 6;

/** Characters of a name at most. */
const LONGEST = 64;

/**
 * What is being typed after an "@" that begins a word, up to the caret.
 * @returns {{start: number, query: string} | null} `start`: where the "@" is
 */
export function tokenAt(text, caret) {
  const start = caret > 0 ? text.lastIndexOf("@", caret - 1) : -1;
  if (start < 0 || caret - start > LONGEST + 1) return null;
  if (start > 0 && /[\p{L}\p{N}_]/u.test(text[start - 1])) return null;
  const query = text.slice(start + 1, caret);
  return /^\s|\n/u.test(query) ? null : { start, query };
}

/** The people whose name, or a word of it, begins so; whose whole name does come first. */
export function candidates(people, query, own) {
  const wanted = query.toLowerCase();
  const fits = (name) => {
    if (name.startsWith(wanted)) return 0;
    return name.split(/\s+/u).some((word) => word.startsWith(wanted)) ? 1 : 2;
  };
  const names = new Set();
  return people
    .map((person) => ({ person, rank: fits(person.name.toLowerCase()) }))
    .filter(({ person, rank }) => rank < 2 && person.id !== own && person.name.toLowerCase() !== wanted)
    .sort((a, b) => a.rank - b.rank || a.person.name.localeCompare(b.person.name))
    .map(({ person }) => person)
    .filter(({ name }) => !names.has(name) && names.add(name))
    .slice(0, MOST);
}

/** The text with a name in the place of what was typed of it, and where the caret goes. */
export function complete(text, { start, query }, name) {
  const rest = text.slice(start + 1 + query.length);
  const written = `@${name}${/^\s/u.test(rest) ? "" : " "}`;
  return { text: text.slice(0, start) + written + rest, caret: start + written.length };
}
