/** markdown's browser half: lines, links and blocks. (test_markdown_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { blockAt, blocks, LARGEST, LINK, lineAt, replaceBlocks, startOfLine } from "../../plugins/markdown/static/tree.js";

test("lines and positions", () => {
  const text = "one\n\ntwo\n";
  assert.deepEqual([0, 3, 4, 5, 9].map((at) => lineAt(text, at)), [0, 0, 1, 2, 3]);
  assert.deepEqual([0, 1, 2, 3, 99].map((line) => startOfLine(text, line)), [0, 4, 5, 9, 9]);
});

test("links lead to the web and to mail, nowhere else", () => {
  for (const link of ["http://a", "HTTPS://b/?c#d", "mailto:e@f"]) assert.ok(LINK.test(link), link);
  for (const link of [
    "javascript:alert(1)", " javascript:alert(1)", "java\nscript:x", "data:text/html,x", "vbscript:x", "//evil", "/x", "x", "",
    "https://a b", "blob:https://x", "file:///x", "http\n://x",
  ]) {
    assert.ok(!LINK.test(link), link);
  }
});

/** As much of an element as `replaceBlocks` needs. */
class Place {
  children = [];
  insertBefore(block, before) {
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, block);
    block.place = this;
  }
}

const block = (text, line) => ({
  text,
  line,
  isEqualNode: (other) => other.text === text,
  remove() {
    this.place.children.splice(this.place.children.indexOf(this), 1);
  },
});

test("only what is different is replaced", () => {
  const place = new Place();
  const show = (...texts) => replaceBlocks(place, texts.map((text, line) => block(text, line)));
  show("a", "b", "c");
  const [a, , c] = place.children;
  show("a", "x", "y", "c");
  assert.deepEqual(place.children.map(({ text, line }) => [text, line]), [["a", 0], ["x", 1], ["y", 2], ["c", 3]]);
  assert.ok(place.children[0] === a && place.children[3] === c, "the same elements");
  show("a", "a");
  show("a", "a", "a");
  assert.deepEqual(place.children.map(({ line }) => line), [0, 1, 2]);
  show();
  assert.equal(place.children.length, 0);
});

test("the block of a line is the last that begins before it", () => {
  const place = new Place();
  replaceBlocks(place, [block("a", 0), block("b", 3), block("html", null), block("c", 7)]);
  assert.deepEqual([0, 2, 3, 6, 7, 99].map((line) => blockAt(place, line).text), ["a", "a", "b", "b", "c", "c"]);
});

/** As much of a page as `blocks` needs: rows of so many cells. */
function page(cells) {
  const node = (localName, childNodes = []) => ({
    nodeType: 1, localName, childNodes, className: "",
    hasAttribute: () => false, getAttribute: () => null, querySelector: () => null,
  });
  const row = () => node("tr", Array.from({ length: 10 }, () => node("td")));
  const table = node("table", Array.from({ length: cells / 10 }, row));
  const created = [];
  const document = {
    createElement(name) {
      created.push(name);
      return { append() {}, setAttribute() {}, hasAttribute: () => false };
    },
  };
  return { created, made: blocks("", { document, parse: () => ({ childNodes: [table] }) }) };
}

test("a block has so many elements at most", () => {
  const small = page(100);
  assert.deepEqual([small.created.length, small.made[0].size, small.made[0].cut], [111, 111, false]);
  const large = page(50_000);
  assert.deepEqual([large.created.length, large.made[0].size, large.made[0].cut], [LARGEST, LARGEST, true]);
});
