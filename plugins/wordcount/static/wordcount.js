/** Words and characters in the status line. */

import { count, describe } from "./count.js";

/** Milliseconds between two counts at least … */
const PAUSE = 150;

/** … and so many times as long as the last one took, which is long in a long document. */
const RATIO = 10;

export default function activate(collab, { setTimeout, clearTimeout, performance } = globalThis) {
  const status = collab.ui.addStatus("");
  let timer = null;
  let pause = PAUSE;
  let all = null; // null: the text has changed since it was counted

  function show() {
    timer = null;
    const began = performance.now();
    const text = collab.editor.text();
    const { anchor, head } = collab.editor.selection;
    all ??= count(text);
    const selected = anchor === head ? null : count(text.slice(Math.min(anchor, head), Math.max(anchor, head)));
    status.setText(describe(all, selected));
    pause = Math.max(PAUSE, RATIO * (performance.now() - began));
  }

  function showSoon() {
    timer ??= setTimeout(show, pause);
  }

  collab.editor.onChange(() => {
    all = null;
    showSoon();
  });
  collab.editor.onSelection(showSoon);
  collab.onDispose(() => clearTimeout(timer));
  show();
}
