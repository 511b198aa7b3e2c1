/** What people wrote, as elements: nothing in it is read as HTML, and nothing in it deceives. */

import { element } from "./elements.js";
import { addresses, hiddenHost } from "./links.js";
import { parts } from "./special.js";

/**
 * A text in pieces: plain ones, addresses that can be followed, and what `marks` mark.
 * @param {string} text
 * @param {Array<{start: number, end: number}>} [marks] in order; one that lies in an address is left out
 * @returns {Array<{text: string, href?: string, mark?: object}>}
 */
export function pieces(text, marks = []) {
  const found = [...addresses(text)];
  for (const mark of marks) {
    const { start, end } = mark;
    if (!(0 <= start && start < end && end <= text.length)) continue;
    if (found.every((other) => other.end <= start || other.start >= end)) found.push({ start, end, mark });
  }
  found.sort((a, b) => a.start - b.start);
  const all = [];
  let at = 0;
  for (const { start, end, ...what } of found) {
    if (start > at) all.push({ text: text.slice(at, start) });
    all.push({ text: text.slice(start, end), ...what });
    at = end;
  }
  if (at < text.length) all.push({ text: text.slice(at) });
  return all;
}

/**
 * A text as elements: addresses become links that say where they go, characters that are not seen
 * or turn the text around are shown by a mark, and do nothing.
 * @param {string} text
 * @param {{marks?: Array<{start: number, end: number, attributes: object}>}} [how] parts of the text
 *   that get an element of their own
 * @returns {Array<Node | string>}
 */
export function written(text, { marks = [] } = {}) {
  return pieces(text, marks).flatMap(({ text: piece, href, mark }) => {
    const inside = visible(piece);
    if (href) return [showDestination(element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, ...inside))];
    return mark ? [element("span", mark.attributes, ...inside)] : inside;
  });
}

/** A text with its special characters shown. @returns {Array<Node | string>} */
export function visible(text) {
  return Array.from(parts(text), ({ text: plain, marks, title }) =>
    plain ?? element("span", { class: "special-character", title, role: "img", "aria-label": title }, marks),
  );
}

/** Says in the title of a link where it goes, and beside it when its text says otherwise. */
export function showDestination(link) {
  const href = link.getAttribute("href");
  if (!href) return link;
  link.setAttribute("title", link.title ? `${link.title}\n${href}` : href);
  const host = hiddenHost(href, link.textContent);
  if (host !== null) link.append(" ", element("bdi", { class: "link-host" }, `(${host})`));
  return link;
}
