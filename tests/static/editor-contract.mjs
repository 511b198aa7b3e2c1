/**
 * What every editor's adapter has to do for `LiveDocument` and for plugins: a suite that runs in
 * a page, with any adapter put through it.
 *
 *     const results = await runContract((parent) => new TextEditor(parent), { Delta });
 *
 * Each case gets an editor that holds "The quick brown fox\njumps over\nthe lazy dog.\n" and may
 * be written. What a case finds wrong it throws; the result is a list of {name, problem}.
 */

export const TEXT = "The quick brown fox\njumps over\nthe lazy dog.\n";

const cases = [];
const must = (name, run) => cases.push({ name, run });

function equal(found, wanted, what = "it") {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what} is ${a}, not ${b}`);
}

function throws(run, what) {
  try {
    run();
  } catch {
    return;
  }
  throw new Error(`${what} was let through`);
}

// Texts and positions.

must("hold the content it is given, counted in UTF-16 code units", ({ editor, Delta }) => {
  editor.setContent(new Delta().insert("a😀e\u0301\nb"));
  equal(editor.text(), "a😀e\u0301\nb");
  equal(editor.length, 7);
  equal(editor.content().ops, [{ insert: "a😀e\u0301\nb" }]);
});

must("apply an edit of somebody else without reporting it as one's own", ({ editor, heard, Delta }) => {
  editor.applyRemote(new Delta().retain(4).insert("very ").delete(6).retain(5), { clients: ["c"] });
  equal(editor.text(), "The very brown fox\njumps over\nthe lazy dog.\n");
  equal(heard.edits, []);
  equal(heard.changes, [{ ops: [{ retain: 4 }, { insert: "very " }, { delete: 6 }], local: false }]);
});

must("report what is typed, first as a change and then as an edit", async ({ editor, heard, type }) => {
  editor.select(3);
  await type("!");
  equal(editor.text().slice(0, 5), "The! ");
  equal(heard.order.filter((what) => what !== "selection"), ["change", "edit"]);
  equal(heard.edits, [[{ retain: 3 }, { insert: "!" }]]);
  equal(heard.changes, [{ ops: [{ retain: 3 }, { insert: "!" }], local: true }]);
});

must("report every change so that a copy can follow", async ({ editor, heard, type, Delta }) => {
  let copy = editor.content();
  let random = 7;
  const below = (limit) => (random = (random * 16807) % 2147483647) % limit;
  for (let round = 0; round < 60; round++) {
    const from = below(editor.length + 1);
    const to = Math.min(editor.length, from + below(6));
    if (round % 3 === 0) editor.replace(from, to, "xyz\n".slice(below(4)));
    else if (round % 3 === 1) editor.applyRemote(new Delta().retain(from).insert("ä\n").delete(to - from), {});
    else if (round % 20 === 2) editor.setContent(new Delta().insert(`${editor.text()}end`));
  }
  editor.select(2);
  await type("q");
  for (const { ops } of heard.changes) copy = copy.compose(new Delta(ops));
  equal(copy.ops, editor.content().ops);
});

must("move the selection with edits before it, and not with edits at it", ({ editor, Delta }) => {
  editor.select(4, 9);
  equal(editor.selection, { anchor: 4, head: 9 });
  editor.applyRemote(new Delta().insert("123"), {});
  equal(editor.selection, { anchor: 7, head: 12 });
  editor.applyRemote(new Delta().delete(3), {});
  equal(editor.selection, { anchor: 4, head: 9 });
});

must("leave the selection where the text stays the same, when all of it comes anew", ({ editor, Delta }) => {
  editor.select(25);
  editor.setContent(new Delta().insert(TEXT.replace("dog", "old dog")));
  equal(editor.selection, { anchor: 25, head: 25 });
  equal(editor.text(), TEXT.replace("dog", "old dog"));
});

must("say when the selection was changed", ({ editor, heard }) => {
  editor.select(1, 5);
  equal(heard.order, ["selection"]);
});

// Edits that plugins make.

must("take a plugin's edit as one of the writer's own", ({ editor, heard }) => {
  equal(editor.replace(4, 9, "slow"), true);
  equal(editor.text().slice(0, 14), "The slow brown");
  equal(heard.edits.length, 1);
  equal(heard.changes[0].local, true);
});

must("put the caret behind what replaces the selection", ({ editor }) => {
  editor.select(4, 9);
  editor.replace(4, 9, "slow");
  equal(editor.selection, { anchor: 8, head: 8 });
  editor.replace(8, 8, "er");
  equal(editor.selection, { anchor: 10, head: 10 });
});

must("refuse a plugin's edit while nothing can be written", ({ editor, heard }) => {
  editor.setWritable(false);
  equal(editor.readOnly, true);
  equal(editor.replace(0, 3, "A"), false);
  equal(editor.text(), TEXT);
  equal(heard.changes, []);
  editor.setWritable(true);
  equal(editor.readOnly, false);
});

must("not let what can't be a position pass", ({ editor }) => {
  for (const wrong of [null, "1", 0.5, NaN, undefined]) {
    throws(() => editor.replace(wrong, 3, ""), `a position ${wrong}`);
    throws(() => editor.select(wrong), `a position ${wrong}`);
    throws(() => editor.decorate([{ from: 0, to: wrong }]), `a position ${wrong}`);
  }
  throws(() => editor.replace(5, 3, ""), "a range that ends before it begins");
  editor.select(1_000_000);
  equal(editor.selection, { anchor: TEXT.length, head: TEXT.length }, "the end of the text");
});

must("make several edits in one step, at the places where they were before it", ({ editor, heard, Delta }) => {
  const before = editor.content();
  editor.select(30);
  equal(editor.edit([
    { from: 40, to: 43, insert: "cat" },
    { from: 0, to: 3, insert: "A" },
    { from: 4, to: 4, insert: "very " },
    { from: 9, to: 15, insert: "" },
  ]), true);
  equal(editor.text(), "A very quick fox\njumps over\nthe lazy cat.\n");
  equal(heard.edits.length, 1);
  equal(heard.changes.map(({ local }) => local), [true]);
  equal(before.compose(new Delta(heard.edits[0])).ops, editor.content().ops);
  equal(editor.selection, { anchor: 27, head: 27 });
  editor.undo();
  equal(editor.text(), TEXT);
  editor.undo();
  equal(editor.text(), TEXT, "with nothing left to undo it");
  editor.redo();
  equal(editor.text(), "A very quick fox\njumps over\nthe lazy cat.\n");
});

must("keep several edits apart from what was done before and after, also in half characters", async (all) => {
  const { editor, type, Delta } = all;
  editor.setContent(new Delta().insert("😀 and 😀"));
  editor.select(2);
  await type("!");
  editor.edit([{ from: 1, to: 2, insert: "\udc01" }, { from: 9, to: 10, insert: "\udc02" }]);
  equal(editor.text(), "\ud83d\udc01! and \ud83d\udc02");
  await type("?");
  editor.undo();
  editor.undo();
  equal(editor.text(), "😀! and 😀");
});

must("leave edits at one place in their order, and take a list of none", ({ editor, heard }) => {
  editor.edit(new Set([
    { from: 4, to: 9, insert: "slow" }, { from: 4, to: 4, insert: "1" }, { from: 4, to: 4, insert: "2" },
    { from: 9, to: 9, insert: "3" },
  ]));
  equal(editor.text().slice(0, 17), "The 12slow3 brown");
  equal(editor.edit([]), true);
  equal(heard.edits.length, 1);
});

must("put the caret behind that one of several edits that replaces the selection", ({ editor }) => {
  editor.select(9, 4);
  editor.edit([{ from: 4, to: 9, insert: "slow" }, { from: 0, to: 3, insert: "This" }, { from: 16, to: 19, insert: "" }]);
  equal(editor.text().slice(0, 16), "This slow brown ");
  equal(editor.selection, { anchor: 9, head: 9 });
});

must("change nothing when one of several edits makes no sense", ({ editor, heard }) => {
  const good = { from: 0, to: 1, insert: "x" };
  const refused = (kind, edits, what) => {
    try {
      editor.edit(edits);
    } catch (error) {
      if (error instanceof kind && error.message) return;
      throw new Error(`${what}: ${error}`);
    }
    throw new Error(`${what} was let through`);
  };
  for (const wrong of [null, "1", 0.5, NaN, undefined]) {
    refused(TypeError, [good, { from: wrong, to: 3, insert: "" }], `a position ${wrong}`);
    refused(TypeError, [good, { from: 2, to: wrong, insert: "" }], `a position ${wrong}`);
  }
  for (const wrong of [null, 1, undefined, {}]) refused(TypeError, [good, { from: 2, to: 3, insert: wrong }], `${wrong}`);
  for (const wrong of [null, undefined, 7, "text", {}, good]) refused(TypeError, wrong, `a list ${wrong}`);
  for (const wrong of [null, undefined, 7]) refused(TypeError, [good, wrong], `an edit ${wrong}`);
  refused(RangeError, [good, { from: -1, to: 0, insert: "" }], "a place before the text");
  refused(RangeError, [good, { from: 2, to: TEXT.length + 1, insert: "" }], "a place behind the text");
  refused(RangeError, [good, { from: 5, to: 3, insert: "" }], "a range that ends before it begins");
  refused(RangeError, [{ from: 2, to: 5, insert: "" }, { from: 4, to: 4, insert: "x" }], "edits that overlap");
  refused(RangeError, [{ from: 2, to: 5, insert: "" }, { from: 2, to: 5, insert: "" }], "two edits of the same");
  equal(editor.text(), TEXT);
  equal(heard.order, []);
});

must("refuse several edits while nothing can be written", ({ editor, heard }) => {
  editor.setWritable(false);
  equal(editor.edit([{ from: 0, to: 3, insert: "A" }]), false);
  equal(editor.text(), TEXT);
  equal(heard.changes, []);
});

must("know the line of a position", ({ editor, Delta }) => {
  equal(editor.lineAt(0), { from: 0, to: 19, number: 1, text: "The quick brown fox" });
  equal(editor.lineAt(19), { from: 0, to: 19, number: 1, text: "The quick brown fox" });
  equal(editor.lineAt(20), { from: 20, to: 30, number: 2, text: "jumps over" });
  equal(editor.lineAt(1_000_000), { from: 45, to: 45, number: 4, text: "" });
  editor.setContent(new Delta().insert("a😀\r\nb"));
  equal(editor.lineAt(2), { from: 0, to: 4, number: 1, text: "a😀\r" });
  for (const wrong of [null, "1", 0.5, undefined]) throws(() => editor.lineAt(wrong), `a position ${wrong}`);
});

must("say which shortcuts are its own, as plugins write them", ({ editor }) => {
  const { shortcuts } = editor;
  for (const own of ["Mod-z", "Mod-f"]) equal(shortcuts.includes(own), true, own);
  for (const free of ["Mod-i", "Mod-Alt-m"]) equal(shortcuts.includes(free), false, free);
});

must("keep half characters out", ({ editor }) => {
  editor.replace(0, 3, "😀");
  editor.replace(1, 2, "");
  equal(editor.text().isWellFormed(), true, "well formed");
});

// Undo.

must("undo what was done here, in steps, and not what others did", async ({ editor, type, Delta }) => {
  editor.select(3);
  await type("!");
  editor.applyRemote(new Delta().insert("Look: "), {});
  editor.replace(editor.length, editor.length, "End.");
  editor.undo();
  equal(editor.text(), `Look: ${TEXT.replace("The", "The!")}`);
  editor.undo();
  equal(editor.text(), `Look: ${TEXT}`);
  editor.undo();
  equal(editor.text(), `Look: ${TEXT}`, "with nothing left to undo it");
  editor.redo();
  equal(editor.text(), `Look: ${TEXT.replace("The", "The!")}`);
});

// Decorations.

const marked = (place, name) => [...place.querySelectorAll(`.${name}`)].map((found) => found.textContent).join("|");

must("draw a range with its class, its title and its colours", async ({ editor, place, drawn }) => {
  editor.decorate([{
    from: 4, to: 9, class: "mark", title: "A word", attributes: { "data-what": "1" },
    style: { background: "rgb(1, 2, 3)", color: "rgb(4, 5, 6)", underline: "rgb(7, 8, 9)" },
  }]);
  await drawn();
  equal(marked(place, "mark"), "quick");
  const found = place.querySelector(".mark");
  const look = getComputedStyle(found);
  equal([found.title, found.dataset.what], ["A word", "1"]);
  equal([look.backgroundColor, look.color], ["rgb(1, 2, 3)", "rgb(4, 5, 6)"]);
  equal(look.textDecorationColor, "rgb(7, 8, 9)");
  equal(editor.text(), TEXT);
});

must("move ranges with everybody's edits; what is written at the edges stays out", async (all) => {
  const { editor, place, drawn, Delta } = all;
  editor.decorate([{ from: 4, to: 9, class: "mark" }, { from: 20, to: 25, class: "other" }]);
  editor.applyRemote(new Delta().insert("So: "), {});
  editor.replace(8, 8, "<");
  editor.replace(14, 14, ">");
  editor.replace(11, 12, "");
  await drawn();
  equal(editor.text().slice(0, 20), "So: The <quck> brown");
  equal([marked(place, "mark"), marked(place, "other")], ["quck", "jumps"]);
});

must("draw another list in the place of one, over lines, and none once it is removed", async (all) => {
  const { editor, place, drawn } = all;
  const before = place.querySelectorAll("*").length;
  const list = editor.decorate([{ from: 0, to: 3, class: "mark" }]);
  const second = editor.decorate([{ from: 0, to: 9, class: "second" }]);
  list.update([{ from: 40, to: 400, class: "mark" }, { from: 16, to: 25, class: "mark" }, { from: 5, to: 5, class: "mark" }]);
  await drawn();
  equal(marked(place, "mark"), "fox|jumps|dog.");
  equal(marked(place, "second"), "The quick");
  list.remove();
  list.update([{ from: 0, to: 3, class: "mark" }]);
  list.remove();
  second.remove();
  await drawn();
  equal(place.querySelectorAll("*").length, before, "the number of elements");
});

must("tell a click into a range", async ({ editor, place, drawn }) => {
  const clicked = [];
  editor.decorate([
    { from: 0, to: 15, class: "outer", onClick: () => clicked.push("outer") },
    { from: 4, to: 9, class: "inner", onClick: () => clicked.push("inner") },
  ]);
  await drawn();
  const click = (element) => {
    const { left, top, height } = element.getBoundingClientRect();
    const where = { clientX: left + 4, clientY: top + height / 2, bubbles: true, button: 0 };
    element.dispatchEvent(new MouseEvent("click", where));
  };
  click(place.querySelector(".inner"));
  click(place.querySelector(".outer"));
  equal(clicked, ["inner", "outer"]);
});

must("refuse what could run or hide something", ({ editor }) => {
  throws(() => editor.decorate([{ from: 0, to: 1, attributes: { onclick: "alert(1)" } }]), "a handler");
  throws(() => editor.decorate([{ from: 0, to: 1, attributes: { style: "position: fixed" } }]), "a style");
  throws(() => editor.decorate([{ from: 0, to: 1, style: { color: "red; position: fixed" } }]), "two styles");
  throws(() => editor.decorate([{ from: 0, to: 1, style: { position: "fixed" } }]), "another style");
});

must("show an element between characters, which is no part of the text", async (all) => {
  const { editor, place, drawn, Delta } = all;
  const widget = document.createElement("button");
  widget.textContent = "¶";
  const list = editor.decorate([{ at: 3, widget, side: 1 }]);
  await drawn();
  equal(place.contains(widget), true, "in the page");
  equal(editor.text(), TEXT);
  editor.applyRemote(new Delta().insert("So: "), {});
  await drawn();
  const { left } = widget.getBoundingClientRect();
  equal(left >= editor.coordinates(6).left && left <= editor.coordinates(8).right, true, "beside its word");
  let pressed = 0;
  widget.onclick = () => pressed++;
  widget.click();
  equal(pressed, 1);
  list.remove();
  await drawn();
  equal(place.contains(widget), false, "in the page");
});

must("give a whole line a class, by any position in it", async ({ editor, place, drawn, Delta }) => {
  const list = editor.decorate([{ line: 24, class: "loud" }]);
  await drawn();
  equal(marked(place, "loud"), "jumps over");
  editor.applyRemote(new Delta().insert("First\n"), {});
  await drawn();
  equal(marked(place, "loud"), "jumps over");
  list.remove();
  await drawn();
  equal(marked(place, "loud"), "");
});

// Carets of others.

must("show carets of others and move them", async ({ editor, place, drawn, Delta }) => {
  const ada = { key: "p/ada", name: "Ada", color: "#c2185b", client: "a", anchor: 4, head: 9 };
  const bob = { key: "p/bob", name: "Bob", color: "#2e7d32", client: "b", anchor: 20, head: 20 };
  editor.putCarets([ada, bob]);
  await drawn();
  equal(place.textContent.includes("Ada") && place.textContent.includes("Bob"), true, "names shown");
  equal(editor.caret("p/ada"), { anchor: 4, head: 9 });
  editor.applyRemote(new Delta().retain(20).insert("He "), { clients: ["b"] });
  equal(editor.caret("p/bob"), { anchor: 23, head: 23 }, "what its owner typed pushes it:");
  editor.applyRemote(new Delta().retain(23).insert("he "), { clients: ["c"] });
  equal(editor.caret("p/bob"), { anchor: 23, head: 23 }, "what others type doesn't:");
  editor.dropCarets((key) => key === "p/ada");
  equal(editor.caret("p/ada"), null);
  editor.dropCarets(() => true);
  await drawn();
  equal(place.textContent.includes("Ada") || place.textContent.includes("Bob"), false, "names shown");
});

// Seeing.

must("know where a position is in the window", ({ editor }) => {
  const [first, next, below] = [0, 1, 20].map((at) => editor.coordinates(at));
  equal(next.left > first.left && Math.abs(next.top - first.top) < 2, true, "the next one to the right");
  equal(below.top >= first.bottom - 2, true, "the next line below");
});

must("scroll to a position, and tell only when a hand scrolls", async (all) => {
  const { editor, place, heard, settled, Delta } = all;
  editor.setContent(new Delta().insert("line\n".repeat(500)));
  const seen = (position) => {
    const at = editor.coordinates(position);
    const { top, bottom } = place.getBoundingClientRect();
    return at !== null && at.top >= top && at.bottom <= bottom;
  };
  equal(seen(2000), false, "in sight");
  editor.scrollTo(2000);
  await settled();
  equal(seen(2000), true, "in sight");
  equal(heard.order.includes("scroll"), false, "told as scrolling");
  const inside = document.elementFromPoint(...Object.values(middle(place)));
  inside.dispatchEvent(new WheelEvent("wheel", { deltaY: 10, bubbles: true }));
  equal(heard.order.includes("scroll"), true, "told as scrolling");
});

must("bring a caret into sight", async ({ editor, place, settled, Delta }) => {
  editor.setContent(new Delta().insert("line\n".repeat(500)));
  editor.putCarets([{ key: "p/ada", name: "Ada", color: "#c2185b", client: "a", anchor: 2001, head: 2001 }]);
  equal(editor.showCaret("p/bob"), false);
  equal(editor.showCaret("p/ada"), true);
  await settled();
  const at = editor.coordinates(2001);
  const { top, bottom } = place.getBoundingClientRect();
  equal(at !== null && at.top >= top && at.bottom <= bottom, true, "in sight");
});

const middle = (place) => {
  const { left, top, width, height } = place.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
};

must("not let a reader write", async ({ editor, type }) => {
  editor.select(3);
  editor.setWritable(false);
  await type("!");
  equal(editor.text(), TEXT);
});

must("leave nothing behind when it is destroyed", ({ editor, place }) => {
  editor.decorate([{ from: 0, to: 3, class: "mark" }]);
  editor.destroy();
  equal(place.children.length, 0);
});

/** As the page and `LiveDocument` listen to an editor. */
function listen(editor) {
  const heard = { order: [], edits: [], changes: [] };
  editor.onChange = (delta, { local }) => {
    heard.order.push("change");
    heard.changes.push({ ops: delta.ops, local });
  };
  editor.onEdit = (delta) => {
    heard.order.push("edit");
    heard.edits.push(delta.ops);
  };
  editor.onSelection = () => heard.order.push("selection");
  editor.onScroll = () => heard.order.push("scroll");
  return heard;
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Waits until what was asked for is drawn: the frame that draws it, and one after it. */
async function drawn() {
  await frame();
  await frame();
}

/** Waits until nothing scrolls any more. */
async function settled() {
  for (let frames = 0; frames < 12; frames++) await frame();
}

/**
 * @param {(parent: HTMLElement) => object} makeEditor
 * @param {{Delta: Function}} with_ the Delta that the adapter speaks
 * @returns {Promise<Array<{name: string, problem: string | null}>>}
 */
export async function runContract(makeEditor, { Delta }) {
  const results = [];
  for (const { name, run } of cases) {
    const place = document.createElement("div");
    for (const [property, value] of Object.entries({
      position: "fixed", inset: "0", height: "400px", "z-index": "999", background: "white",
    })) place.style.setProperty(property, value);
    document.body.append(place);
    const editor = makeEditor(place);
    let problem = null;
    try {
      editor.setContent(new Delta().insert(TEXT));
      editor.setWritable(true);
      editor.focus();
      await drawn();
      const heard = listen(editor);
      const type = async (text) => {
        document.execCommand("insertText", false, text);
        await drawn();
      };
      await run({ editor, place, heard, type, drawn, settled, Delta });
    } catch (error) {
      problem = String(error?.stack ?? error);
    }
    editor.destroy();
    place.remove();
    results.push({ name, problem });
  }
  return results;
}
