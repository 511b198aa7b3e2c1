/** Addresses in what people write, and where a link really goes. */

// An address ends at white space, at what encloses it, at punctuation of Chinese and Japanese, and
// at marks that turn the reading direction: with these it could look like another one.
const ADDRESS =
  /\bhttps?:\/\/[^\s<>"'`«»“”‘’\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b-\uff65]+/giu;

const ENDS_NO_ADDRESS = /[.,;:!?…)\]}*_~]/u;
const CLOSING = { ")": "(", "]": "[", "}": "{" };

/** Addresses of one text that become links at most. */
const MOST = 100;

/** Characters of a host that are shown: its end says whose it is. */
const HOST = 80;

/**
 * The addresses of the web in a text, in order.
 * @returns {Generator<{start: number, end: number, href: string}>}
 */
export function* addresses(text) {
  let found = 0;
  for (const { 0: matched, index } of text.matchAll(ADDRESS)) {
    if (found++ === MOST) return;
    const shown = withoutPunctuation(matched);
    const href = safe(shown);
    if (href) yield { start: index, end: index + shown.length, href };
  }
}

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

/**
 * The host that a link goes to, when its text looks as if it went to another one; else null.
 *
 * A host with letters that are not ASCII is always shown as it is registered: "xn--…".
 * @param {string} href
 * @param {string} text what the link says
 */
export function hiddenHost(href, text) {
  let host;
  try {
    host = new URL(href).host;
  } catch {
    return null;
  }
  const said = hostIn(text);
  if (said === null || said === host || said.replace(/^www\./, "") === host.replace(/^www\./, "")) return null;
  return host.length > HOST ? `…${host.slice(-HOST)}` : host;
}

/** What reads like a host at the beginning of a text; null when it is words. */
function hostIn(text) {
  const begin = text.trimStart().slice(0, 500).toLowerCase();
  const scheme = begin.indexOf("://");
  const rest = scheme >= 0 && scheme < 10 ? begin.slice(scheme + 3) : begin;
  const said = rest.slice(0, endOf(rest));
  return scheme >= 0 || /[^.\s]\.[^.\s]/u.test(said) ? said : null;
}

function endOf(rest) {
  const end = rest.search(/[/?#\s]/u);
  return end < 0 ? rest.length : end;
}
