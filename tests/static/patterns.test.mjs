/**
 * Regular expressions take time in proportion to a text, whatever somebody has written. Every one
 * in the sources is found and attacked; a new one needs a row in BEGINNINGS. (../test_patterns.py
 * does the same for the server.)
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { hiddenHost } from "../../collab/static/ui/links.js";
import { parts } from "../../collab/static/ui/special.js";
import { pieces } from "../../collab/static/ui/written.js";
import { tokenAt } from "../../plugins/chat/static/completion.js";
import { characters, words } from "../../plugins/wordcount/static/count.js";

const TOP = new URL("../../", import.meta.url);
/** Characters: what is quadratic is found at the smaller sizes, and soon. */
const SIZES = [1_000, 10_000, 100_000];
/** Milliseconds of processor time that 100 KB may take in any case. */
const LIMIT = 50;
/** How many times as long ten times the text may take: of what is linear, but does more. */
const TIMES = 30;

const PIECES = [
  " ", "\t", "\n", "a", "A", "1", ".", "/", ":", "-", "@", "#", "\\", "`", "(", ")", "]", "<", "*", "_", "\0", "字", "é", "🙂", "\ud800",
  "\udc00", "\u0301", "a ", " a", ".1", "/a", "a.", "\\\\", "()", "http://a ", "https://a)",
];
const ENDINGS = ["", "!", "\n"];

/** What leads into a pattern, so that the piece is repeated in each of its parts. */
const BEGINNINGS = {
  "/^(on|style$|class$|contenteditable$)/i": ["", "on", "style"],
  "/\\r\\n?/g": ["", "\r"],
  "/[\\u0590-\\u08ff\\ufb1d-\\ufdff\\ufe70-\\ufefc\\u{10800}-\\u{10fff}\\u{1e800}-\\u{1efff}]/u": [""],
  "/[\\u202a\\u202b\\u202c\\u2068]/g": [""],
  "/-(?!$)/": ["", "-"],
  "/^\\p{Lu}$/u": ["", "A"],
  "/Mac|iPhone|iPad/": ["", "iP"],
  "/\\s+/u": [""],
  "/^mod$/i": [""],
  "/^(c|ctrl|control)$/i": ["", "c"],
  "/^(m|meta|cmd)$/i": ["", "m"],
  "/^(a|alt)$/i": ["", "a"],
  "/^(s|shift)$/i": ["", "s"],
  "/Win/": ["", "W"],
  "/^F\\d+$/": ["", "F", "F1"],
  "/[.*+?^${}()|[\\]\\\\]/g": [""],
  "/\\0|[\\uD800-\\uDBFF](?![\\uDC00-\\uDFFF])|(?<![\\uD800-\\uDBFF])[\\uDC00-\\uDFFF]/g": [""],
  "/[\\s()@]/": [""],
  "/[^\\p{L}\\p{N}_-]+/gu": [""],
  "/^ws/": ["", "ws"],
  "/\\/socket$/": ["", "/socket"],
  "/\\\\\\\\|\\\\ud[89a-f][0-9a-f]{2}/g": ["", "\\ud"],
  "/^(.*\\/plugins\\/[a-z0-9_]+\\/static)((?:\\.p?\\d+)*)(\\/[^/]+)$/": ["", "/plugins/", "/plugins/a/static", "/plugins/a/static.1", "/plugins/a/static/"],
  "/^\\/+/": ["", "/"],
  "/\\/plugins\\/([a-z0-9_]+)\\/static[./]/": ["", "/plugins/", "/plugins/a/static"],
  "/^#[0-9a-f]{6}$/i": ["", "#"],
  "/[\\p{L}\\p{N}_]/u": [""],
  "/^\\s|\\n/u": [""],
  "/^\\s/u": [""],
  "/\\bhttps?:\\/\\/[^\\s<>\"'`«»“”‘’\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\u3001-\\u3003\\u3008-\\u3011\\u3014-\\u301f\\uff01\\uff08\\uff09\\uff0c\\uff1a\\uff1b\\uff1f\\uff3b\\uff3d\\uff5b-\\uff65]+/giu":
    ["", "https://", "https://a"],
  "/^www\\./": ["", "www"],
  "/(\\p{M}{8})\\p{M}+/gu": ["", "e\u0301\u0301"],
  "/[^.\\s]\\.[^.\\s]/u": ["", "a", "a."],
  "/[/?#\\s]/u": [""],
  "/[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u2069\\u3164\\ufeff\\ufff9-\\ufffc]+/g": [""],
  "/[.,;:!?…)\\]}*_~]/u": [""],
  "/\\s+/gu": [""],
  "/\\.([^.]+)$/": ["", "."],
  "/^(?:https?|mailto):[^\\u0000-\\u0020]*$/i": ["", "http:"],
  "/^\\d{1,7}$/": ["", "1"],
  "/^(?:left|center|right)$/": ["", "left"],
  "/[\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}]/u": [""],
  "/[^]?[^\\x00-\\u02ff]+/g": ["", "a"],
  "/\\S+/g": [""],
  "/[\\p{L}\\p{N}]/u": [""],
};

/** Patterns that are made while the page runs, each with a row in MADE. */
const MADE = { "ui/commands.js": /\sa/u };

/** The regular expressions of a module, as they are written there. */
function* literals(source) {
  const mayBegin = (before) => /(^|[(,=:[!&|?{};+\-*%<>~^]|\b(return|typeof|case|of|in))\s*$/.test(before);
  const braces = []; // how many are open in each template that we are in
  for (let at = 0; at < source.length; at++) {
    const char = source[at];
    if (char === "{" && braces.length) braces[braces.length - 1]++;
    const again = char === "}" && braces.length && braces[braces.length - 1]-- === 0; // the template goes on
    if (again) braces.pop();
    if (again || char === "`") {
      do at += source[at] === "\\" ? 2 : 1;
      while (source[at] !== "`" && !source.startsWith("${", at));
      if (source[at] === "$") {
        braces.push(0);
        at++;
      }
    } else if (source.startsWith("//", at)) {
      at = source.indexOf("\n", at);
    } else if (source.startsWith("/*", at)) {
      at = source.indexOf("*/", at) + 1;
    } else if (char === '"' || char === "'") {
      do at += source[at] === "\\" ? 2 : 1;
      while (source[at] !== char);
    } else if (char === "/" && mayBegin(source.slice(Math.max(0, at - 60), at))) {
      const begin = at;
      for (let inClass = false; source[++at] !== "/" || inClass; ) {
        if (source[at] === "\\") at++;
        else if (source[at] === "[") inClass = true;
        else if (source[at] === "]") inClass = false;
      }
      while (/[a-z]/.test(source[at + 1])) at++;
      yield source.slice(begin, at + 1);
    }
  }
}

function* modules() {
  for (const name of readdirSync(new URL("collab/static/", TOP), { recursive: true })) {
    if (name.endsWith(".js") && !name.startsWith("vendor")) yield [name, new URL(`collab/static/${name}`, TOP)];
  }
  for (const plugin of readdirSync(new URL("plugins/", TOP))) {
    const folder = new URL(`plugins/${plugin}/static/`, TOP);
    let files = [];
    try {
      files = readdirSync(folder);
    } catch {
      continue; // it has no browser half
    }
    for (const name of files) if (name.endsWith(".js")) yield [`${plugin}/${name}`, new URL(name, folder)];
  }
}

const found = new Map();
const made = new Set();
for (const [name, url] of modules()) {
  const source = readFileSync(url, "utf8");
  for (const literal of literals(source)) found.set(literal, name);
  if (source.includes("RegExp(")) made.add(name);
}

function took(run, text) {
  const before = process.cpuUsage();
  run(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The first hostile text that takes too long, described; null when there is none. */
function attack(run, beginnings, from = PIECES) {
  for (const beginning of beginnings) {
    for (const piece of from) {
      for (const ending of ENDINGS) {
        let before = LIMIT / TIMES;
        for (const size of SIZES) {
          const text = beginning + piece.repeat(size / piece.length) + ending;
          let taken = took(run, text);
          if (taken > LIMIT) taken = Math.min(taken, took(run, text));
          if (taken > TIMES * before) return JSON.stringify({ beginning, piece, ending, size, taken });
          before = Math.max(before, taken);
        }
      }
    }
  }
  return null;
}

const using = (pattern) => (text) => {
  if (pattern.global) for (const _ of text.matchAll(pattern));
  else text.split(pattern);
};

test("each pattern has a row", () => {
  // What repeats nothing for ever is linear, whatever it is given.
  assert.deepEqual([...found].filter(([literal]) => !BEGINNINGS[literal] && /[*+]|,\}/.test(literal)), []);
  assert.deepEqual(Object.keys(BEGINNINGS).filter((literal) => !found.has(literal)), []);
  assert.deepEqual([...made], Object.keys(MADE));
});

test("each pattern is linear", () => {
  for (const [literal, name] of found) {
    const end = literal.lastIndexOf("/");
    const pattern = new RegExp(literal.slice(1, end), literal.slice(end + 1));
    assert.equal(attack(using(pattern), BEGINNINGS[literal] ?? [""]), null, `${name}: ${literal}`);
  }
  for (const [name, pattern] of Object.entries(MADE)) assert.equal(attack(using(pattern), [""]), null, name);
});

test("the attack finds what is quadratic", () => {
  assert.notEqual(attack(using(/\s+$/), ["a"], [" "]), null);
  const asItWas = (text) => {
    for (let end = text.length; text[end - 1] === ")" && text.slice(0, end).split("(").length < text.slice(0, end).split(")").length; end--);
  };
  assert.notEqual(attack(asItWas, ["https://a"], [")"]), null, "brackets counted once for each bracket");
});

test("what reads a text is linear", () => {
  assert.equal(attack((text) => pieces(text), ["", "https://a", "https://a("]), null);
  assert.equal(attack((text) => hiddenHost("https://a.b", text), ["", "https://", "a.b"]), null);
  assert.equal(attack((text) => [...parts(text)], ["", "\u200b"]), null);
  assert.equal(attack((text) => tokenAt(text, text.length), ["", "@"]), null);
  assert.equal(attack((text) => words(text), ["", "a"]), null);
  assert.equal(attack((text) => characters(text), ["", "a"]), null);
});
