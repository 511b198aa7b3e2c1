/** A message's text in pieces: plain ones, addresses that can be followed, names of people. */

// An address ends at white space, at what encloses it, and at marks that turn the reading
// direction: with these it could look like another one.
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;

const ENDS_NO_ADDRESS = /[.,;:!?…)\]}*_~]/u;

/**
 * @param {string} text
 * @param {Array<[number, number, string]>} [mentions] start, end, user id; in order
 * @returns {Array<{text: string, href?: string, user?: string}>}
 */
export function pieces(text, mentions = []) {
  const marked = [...addresses(text)];
  for (const [start, end, user] of mentions) {
    if (!(0 <= start && start < end && end <= text.length)) continue;
    if (marked.every((other) => other.end <= start || other.start >= end)) marked.push({ start, end, user });
  }
  marked.sort((a, b) => a.start - b.start);
  const found = [];
  let at = 0;
  for (const { start, end, ...what } of marked) {
    if (start > at) found.push({ text: text.slice(at, start) });
    found.push({ text: text.slice(start, end), ...what });
    at = end;
  }
  if (at < text.length) found.push({ text: text.slice(at) });
  return found;
}

function* addresses(text) {
  for (const { 0: matched, index } of text.matchAll(ADDRESS)) {
    const shown = withoutPunctuation(matched);
    const href = safe(shown);
    if (href) yield { start: index, end: index + shown.length, href };
  }
}

const CLOSING = { ")": "(", "]": "[", "}": "{" };

/** An address at the end of a sentence, or in brackets, does not contain what follows it. */
function withoutPunctuation(address) {
  const counts = {};
  for (const char of address) counts[char] = (counts[char] ?? 0) + 1;
  let end = address.length;
  while (end && ENDS_NO_ADDRESS.test(address[end - 1])) {
    const last = address[end - 1];
    const open = CLOSING[last];
    if (open && (counts[open] ?? 0) >= counts[last]) break;
    counts[last] -= 1;
    end -= 1;
  }
  return address.slice(0, end);
}

/** The address as a browser reads it, when it leads to the web and nowhere else. */
function safe(address) {
  try {
    const url = new URL(address);
    return (url.protocol === "https:" || url.protocol === "http:") && url.hostname ? url.href : null;
  } catch {
    return null;
  }
}
