/** formats' browser half: which format a file is of, and which are offered first. (test_formats_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { formatOf, inOrder } from "../../plugins/formats/static/choice.js";

test("a file's format is told by its ending", () => {
  const importers = [
    { name: "text", extension: "txt" }, { name: "markdown", extension: "md" }, { name: "markdown-rich", extension: "md" },
    { name: "html", extension: "html" }, { name: "docx", extension: "docx" },
  ];
  for (const [filename, format] of [
    ["a.txt", "text"], ["A.MD", "markdown"], ["x.y.markdown", "markdown"], ["a.htm", "html"], ["a.docx", "docx"],
    ["a", "text"], ["", "text"], [".html", "html"], ["a.py", "text"], ["a.odt", "text"],
  ]) {
    assert.equal(formatOf(filename, importers), format, filename);
  }
});

test("what is the document comes before what is about it, and what is for programs after what is for people", () => {
  const exporters = [
    { name: "chat-json", extension: "json" }, { name: "chat", extension: "txt" }, { name: "comments-json", extension: "json" },
    { name: "text", extension: "txt" }, { name: "html", extension: "html" },
  ];
  const importers = [{ name: "comments-json" }, { name: "html" }, { name: "text" }];
  assert.deepEqual(
    inOrder({ exporters, importers }).map(({ name }) => name),
    ["text", "html", "comments-json", "chat", "chat-json"],
  );
});
