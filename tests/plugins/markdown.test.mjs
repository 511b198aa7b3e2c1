/** markdown's browser half: lines, links and blocks. (test_markdown_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { blockAt, LINK, lineAt, replaceBlocks, startOfLine } from "../../plugins/markdown/static/tree.js";

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
