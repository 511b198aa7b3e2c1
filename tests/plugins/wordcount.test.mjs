/** wordcount's browser half. */

import assert from "node:assert/strict";
import test from "node:test";

import { characters, count, describe, words } from "../../plugins/wordcount/static/count.js";
import activate from "../../plugins/wordcount/static/wordcount.js";

test("words are what stands between spaces and has a letter or a digit", () => {
  assert.equal(words(""), 0);
  assert.equal(words(" \n\t "), 0);
  assert.equal(words("one two\nthree"), 3);
  assert.equal(words("one - two … 3"), 3);
  assert.equal(words("it's a well-known fact"), 4);
  assert.equal(words("Привет, мир! Γειά שלום"), 4);
  assert.equal(words("🙂 hello 👋"), 1);
});

test("scripts without spaces are parted by a dictionary", () => {
  // Where exactly is the dictionary's affair, which differs between browsers.
  for (const text of ["我们一起编辑文档。", "みんなで文書を編集する。", "เราแก้ไขเอกสารด้วยกัน"]) {
    assert.ok(words(text) > 1 && words(text) < text.length, text);
  }
  assert.equal(words("这 is Chinese"), 3);
});

test("characters are what one sees", () => {
  assert.equal(characters(""), 0);
  assert.equal(characters("abc\n"), 4);
  assert.equal(characters("e\u0301"), 1, "a letter and a combining mark");
  assert.equal(characters("👨‍👩‍👧‍👦"), 1);
  assert.equal(characters("a👍🏽b🇩🇪c"), 5);
  assert.equal(characters("한국어 문서"), 6);
  assert.equal(characters("x".repeat(1000) + "é"), 1001);
});

test("the line is told in words", () => {
  assert.equal(describe(count("")), "0 words, 0 characters");
  assert.equal(describe({ words: 1, characters: 1 }), "1 word, 1 character");
  assert.equal(describe({ words: 12345, characters: 67890 }), "12,345 words, 67,890 characters");
  assert.equal(describe({ words: 120, characters: 640 }, { words: 3, characters: 17 }), "3 of 120 words, 17 of 640 characters");
});

/** A page whose text, selection and time the test decides. */
function open(text, { took = 0 } = {}) {
  const page = { text, selection: { anchor: 0, head: 0 }, now: 0, timer: null, reads: 0, dispose: [] };
  const collab = {
    editor: {
      text() {
        page.reads++;
        page.now += took;
        return page.text;
      },
      get selection() { return page.selection; },
      onChange: (listener) => (page.changed = listener),
      onSelection: (listener) => (page.selected = listener),
    },
    ui: { addStatus: (line) => ((page.line = line), { setText: (line) => (page.line = line) }) },
    onDispose: (listener) => page.dispose.push(listener),
  };
  activate(collab, {
    performance: { now: () => page.now },
    setTimeout: (run, after) => ((page.timer = { run, after }), 7),
    clearTimeout: (timer) => (page.cleared = timer),
  });
  page.wait = () => {
    const { run } = page.timer;
    page.timer = null;
    run();
  };
  return page;
}

test("the status line follows text and selection, in one count for a burst", () => {
  const page = open("one two");
  assert.equal(page.line, "2 words, 7 characters");
  for (let i = 0; i < 9; i++) {
    page.text += " more";
    page.changed();
  }
  assert.equal(page.line, "2 words, 7 characters");
  page.wait();
  assert.deepEqual([page.line, page.reads], ["11 words, 52 characters", 2]);
  page.selection = { anchor: 7, head: 4 };
  page.selected();
  page.wait();
  assert.equal(page.line, "1 of 11 words, 3 of 52 characters");
  page.selection = { anchor: 4, head: 4 };
  page.selected();
  page.wait();
  assert.equal(page.line, "11 words, 52 characters");
});

test("a document that takes long to count is counted less often", () => {
  const quick = open("a", { took: 1 });
  quick.changed();
  assert.equal(quick.timer.after, 150);
  const slow = open("a", { took: 100 });
  slow.changed();
  assert.equal(slow.timer.after, 1000);
});

test("nothing is counted any more once the plugin is gone", () => {
  const page = open("a");
  page.changed();
  for (const end of page.dispose) end();
  assert.equal(page.cleared, 7);
});
