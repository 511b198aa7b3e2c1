/** What people write and are called, as it is shown: links, characters that are not seen, guests. */

import assert from "node:assert/strict";
import test from "node:test";

import { hiddenHost } from "../../collab/static/ui/links.js";
import { isGuest, nameOf } from "../../collab/static/ui/people.js";
import { parts } from "../../collab/static/ui/special.js";
import { pieces } from "../../collab/static/ui/written.js";
import * as chatTimes from "../../plugins/chat/static/times.js";
import * as commentTimes from "../../plugins/comments/static/times.js";
import * as history from "../../plugins/history/static/words.js";

test("only addresses of the web become links, and nothing is lost", () => {
  const links = (text, known) => pieces(text, known).filter(({ href }) => href).map(({ text: shown, href }) => [shown, href]);
  assert.deepEqual(links("see https://example.com/a?b=c#d."), [["https://example.com/a?b=c#d", "https://example.com/a?b=c#d"]]);
  assert.deepEqual(links("(http://example.com/x_(y))").map(([shown]) => shown), ["http://example.com/x_(y)"]);
  assert.deepEqual(links("HTTPS://EXAMPLE.com, https://b.org!").map(([, href]) => href), ["https://example.com/", "https://b.org/"]);
  for (const text of [
    "javascript:alert(1)", "data:text/html,<script>", "JaVaScRiPt://x%0aalert(1)", "file:///etc/passwd", "//example.com",
    "http://", "https://[", "http:example.com", "xhttps://example.com", "vbscript:x", " ", "", "<a href='x'>",
  ]) {
    assert.deepEqual(links(text), [], text);
  }
  assert.deepEqual(links('https://example.com/"onmouseover="alert(1)').map(([shown]) => shown), ["https://example.com/"]);
  assert.deepEqual(links("https://good.com/\u202emoc.live").map(([shown]) => shown), ["https://good.com/"]);
  for (const text of ["a https://b.c/d, e", "<b>https://x.y</b>", "🙂https://x.y🙂", "https://x.y/...)))"]) {
    assert.equal(pieces(text).map(({ text: part }) => part).join(""), text);
    for (const { href } of pieces(text)) assert.ok(!href || /^https?:\/\//.test(href));
  }
});

const marks = (...list) => list.map(([start, end]) => ({ start, end }));

test("what is marked are pieces, unless they lie in an address or are nonsense", () => {
  assert.deepEqual(pieces("hi @Ada!", marks([3, 7])), [{ text: "hi " }, { text: "@Ada", mark: { start: 3, end: 7 } }, { text: "!" }]);
  assert.deepEqual(pieces("@Ada@Bob", marks([0, 4], [4, 8])).map(({ mark }) => mark.start), [0, 4]);
  assert.deepEqual(pieces("@Bob", marks([0, 4], [0, 4])).length, 1, "two of one name");
  assert.deepEqual(pieces("https://x.y/@Ada", marks([12, 16])).length, 1);
  for (const nonsense of [[-1, 3], [2, 2], [3, 1], [0, 99], [NaN, 2]]) {
    assert.deepEqual(pieces("text", marks(nonsense)), [{ text: "text" }]);
  }
});

test("the link of each line ends where the address does", () => {
  const ends = {
    "请看https://a.example/x。谢谢大家": "https://a.example/x",
    "（https://a.example/x）": "https://a.example/x",
    "见 https://a.example/x，谢谢": "https://a.example/x",
    "(see https://a.example/wiki/Word_(other))": "https://a.example/wiki/Word_(other)",
    "“https://a.example/x”": "https://a.example/x",
    "https://zh.example/维基百科 ": "https://zh.example/维基百科",
    "https://a.example/(x": "https://a.example/(x",
    "((https://a.example/)))": "https://a.example/",
  };
  for (const [text, wanted] of Object.entries(ends)) {
    assert.deepEqual(pieces(text).filter(({ href }) => href).map(({ text: shown }) => shown), [wanted], text);
  }
});

test("a text has so many links at most", () => {
  assert.equal(pieces("https://a.b ".repeat(1000)).filter(({ href }) => href).length, 100);
});

test("the host that a link goes to is shown when its text says otherwise", () => {
  const shown = (text, href = text) => hiddenHost(new URL(href).href, text);
  for (const text of [
    "https://good.example/x", "HTTPS://GOOD.example", "http://good.example:8080/#x", "https://[::1]/",
  ]) {
    assert.equal(shown(text), null, text);
  }
  assert.equal(shown("https://good.example⁄x.evil.example"), "good.xn--examplex-k03d.evil.example");
  assert.equal(shown("https://good.example∕x.evil.example"), new URL("https://good.example∕x.evil.example").host);
  assert.equal(shown("https://good.example@evil.example/"), "evil.example");
  assert.equal(shown("https://good.example:1@evil.example/"), "evil.example");
  assert.equal(shown("https://gооd.example"), "xn--gd-fmca.example", "Cyrillic letters");
  assert.equal(shown("good.example", "https://evil.example"), "evil.example");
  assert.equal(shown("www.good.example", "https://good.example/x"), null);
  assert.equal(shown("https://good.example", "https://evil.example"), "evil.example");
  assert.equal(shown("our minutes", "https://good.example"), null);
  assert.equal(shown("", "https://good.example"), null);
  assert.equal(hiddenHost("/relative", "x"), null);
  const long = shown("a.example", `https://${"x".repeat(200)}.evil.example`);
  assert.ok(long.length < 100 && long.endsWith(".evil.example"));
});

test("characters that are not seen or turn the text around are shown, and gone", () => {
  const found = (text) => [...parts(text)];
  assert.deepEqual(found("plain\n\ttext"), [{ text: "plain\n\ttext" }]);
  assert.deepEqual(found("a\u202eb"), [{ text: "a" }, { marks: "•", title: "right-to-left override" }, { text: "b" }]);
  assert.deepEqual(found("\u200b".repeat(4000)), [{ marks: "•••", title: "zero width space" }]);
  const many = found(`Z${"\u0301".repeat(4000)}`);
  assert.ok(many.every(({ text }) => text === undefined || text.length < 12), "marks on one letter are cut");
  assert.ok(found("a\u202e".repeat(2000)).length < 250, "so many marks have a name");
  assert.ok(!found("a\u202e".repeat(2000)).some(({ text }) => text?.includes("\u202e")), "none of the others works");
  for (const code of [0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x200f, 0x61c]) {
    assert.ok(!found(`a${String.fromCodePoint(code)}b`).some(({ text }) => text?.includes(String.fromCodePoint(code))));
  }
});

test("guests are marked", () => {
  assert.equal(nameOf({ id: "guest:x", name: "Ada" }), "Ada (guest)");
  assert.equal(nameOf({ id: "member:ada", name: "Ada" }), "Ada");
  assert.ok(!isGuest({ id: "" }) && !isGuest({}) && isGuest({ id: "guest:" }));
});

test("a time that is none is shown as some time, and breaks nothing", () => {
  for (const seconds of [1e18, -1e18, NaN, Infinity, undefined, null, "soon"]) {
    for (const times of [chatTimes, commentTimes]) {
      assert.equal(typeof times.time(seconds), "string");
      assert.equal(typeof times.moment(seconds), "string");
      assert.match(times.stamp(seconds), /^1970-01-01T/);
    }
    assert.equal(typeof chatTimes.day(seconds), "string");
    assert.equal(typeof chatTimes.newDay({ time: seconds }, { time: 1 }), "boolean");
    assert.equal(typeof history.day(seconds), "string");
  }
});
