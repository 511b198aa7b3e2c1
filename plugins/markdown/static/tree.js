/**
 * Rendered Markdown as elements of this page. The server has made it harmless; here only known
 * elements with known attributes are made anew, so that nothing else can come through.
 */

/** Elements that are made. Of others, what is inside is. */
const ELEMENTS = new Set(
  ("a abbr b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q s samp small span " +
    "strike strong sub sup table tbody td tfoot th thead tr u ul var").split(" "),
);

/** Elements that go with everything in them. */
const DROPPED = new Set("script style template iframe object embed svg math noscript textarea select title".split(" "));

const DEPTH = 100;

/** Elements of one block at most, such as cells of a table: what comes after is left out. */
export const LARGEST = 2000;

/** Where a link may lead. */
export const LINK = /^(?:https?|mailto):[^\u0000-\u0020]*$/i;

/**
 * The blocks of some HTML, each with the `line` of the source that it begins at.
 * @param {string} html
 * @param {{document?: Document, parse?: (html: string) => ParentNode, link?: (link: HTMLElement) => void}} [page]
 *   `link` is handed each link that was made, with what is in it
 * @returns {HTMLElement[]}
 */
export function blocks(html, page = {}) {
  return [...eachBlock(html, page)];
}

/**
 * The same, each made when it is asked for; `size` of one is how many elements it has, `cut`
 * whether some were left out.
 */
export function* eachBlock(html, { document = globalThis.document, parse = parsed, link = () => {} } = {}) {
  for (const node of parse(html).childNodes) {
    if (node.nodeType !== 1) continue;
    const page = { document, link, left: LARGEST, cut: false };
    const [block] = copy(node, page, 0);
    if (!block) continue;
    block.line = lineOf(node);
    block.size = LARGEST - page.left;
    block.cut = page.cut;
    // Each runs the way that it is written; code runs from left to right.
    if (node.localName !== "pre") block.setAttribute("dir", "auto");
    yield block;
  }
}

const parsed = (html) => new DOMParser().parseFromString(html, "text/html").body;

function lineOf(node) {
  const marked = node.hasAttribute("data-line") ? node : node.querySelector("[data-line]");
  const line = marked ? Number(marked.getAttribute("data-line")) : NaN;
  return Number.isInteger(line) ? line : null;
}

/** A node made anew: itself, or what is inside of it. */
function copy(node, page, depth) {
  const { document } = page;
  if (node.nodeType === 3) return page.left > 0 ? [document.createTextNode(node.data)] : [];
  if (node.nodeType !== 1) return [];
  const name = node.localName;
  if (DROPPED.has(name) || depth > DEPTH) return [];
  if (page.left <= 0) {
    page.cut = true;
    return [];
  }
  page.left--;
  const inside = [];
  for (const child of node.childNodes) inside.push(...copy(child, page, depth + 1));
  if (!ELEMENTS.has(name)) return inside;
  const made = document.createElement(name);
  if (name === "a") {
    const href = node.getAttribute("href") ?? "";
    if (LINK.test(href)) {
      made.setAttribute("href", href);
      made.setAttribute("target", "_blank");
      made.setAttribute("rel", "noopener noreferrer nofollow");
    }
  } else if (name === "ol" && /^\d{1,7}$/.test(node.getAttribute("start") ?? "")) {
    made.setAttribute("start", node.getAttribute("start"));
  } else if ((name === "td" || name === "th") && /^(?:left|center|right)$/.test(node.className)) {
    made.className = `markdown-${node.className}`;
  }
  const title = node.getAttribute("title");
  if (title && (name === "a" || name === "abbr")) made.setAttribute("title", title);
  made.append(...inside);
  if (made.hasAttribute?.("href")) page.link(made);
  return [made];
}

/**
 * Puts blocks into a place where others are: equal ones at both ends stay, with what is selected in
 * them. Calls `inserted(block)` after each that is put in, and waits for what it returns.
 */
export async function replaceBlocks(place, next, inserted = null) {
  const old = [...place.children];
  let head = 0;
  while (head < old.length && head < next.length && old[head].isEqualNode(next[head])) head++;
  let tail = 0;
  while (tail < old.length - head && tail < next.length - head && old[old.length - 1 - tail].isEqualNode(next[next.length - 1 - tail])) tail++;
  for (let i = 0; i < head; i++) old[i].line = next[i].line;
  for (let i = 1; i <= tail; i++) old[old.length - i].line = next[next.length - i].line;
  for (const block of old.slice(head, old.length - tail)) block.remove();
  const before = tail ? old[old.length - tail] : null;
  for (const block of next.slice(head, next.length - tail)) {
    place.insertBefore(block, before);
    const waiting = inserted?.(block);
    if (waiting) await waiting;
  }
}

/** The last block that begins at or before a line. */
export function blockAt(place, line) {
  let found = null;
  for (const block of place.children) {
    if (block.line === null || block.line === undefined) continue;
    if (block.line > line) break;
    found = block;
  }
  return found;
}

/** Where a line begins in a text; its end when there is no such line. */
export function startOfLine(text, line) {
  let at = 0;
  for (let n = 0; n < line; n++) {
    const end = text.indexOf("\n", at);
    if (end < 0) return text.length;
    at = end + 1;
  }
  return at;
}

/** The line that a position is in, counted from 0. */
export function lineAt(text, position) {
  let line = 0;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
