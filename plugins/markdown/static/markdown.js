/** The text as rendered Markdown, in a panel beside it. */

import { blockAt, blocks, lineAt, replaceBlocks, startOfLine } from "./tree.js";

/** Milliseconds after an edit until the preview follows. */
const SOON = 350;

/** Milliseconds after a selection changed until the preview is scrolled there. */
const FOLLOW = 120;

/** Milliseconds until a failed request is tried again. */
const AGAIN = 3000;

export default function activate(collab, { setTimeout, clearTimeout, matchMedia } = globalThis) {
  if (collab.document.like !== "text") return;
  const { editor, ui } = collab;
  const panel = ui.addPanel({ title: "Preview", icon: "preview", wide: true });
  const note = document.createElement("p");
  note.className = "markdown-note";
  note.setAttribute("role", "status");
  note.hidden = true;
  const view = document.createElement("div");
  view.className = "markdown-preview";
  view.lang = "";
  view.tabIndex = 0;
  view.setAttribute("role", "document");
  view.setAttribute("aria-label", "Preview");
  panel.element.append(note, view);

  let revision = -1; // of what is shown
  let timer = null;
  let following = null;
  let fetching = false;
  let connected = false;

  function soon(after = SOON) {
    if (panel.visible && connected) timer ??= setTimeout(refresh, after);
  }

  async function refresh() {
    timer = null;
    if (!panel.visible || fetching) return;
    fetching = true;
    let next = null;
    try {
      const answer = await collab.fetch(`api/documents/${collab.document.id}/preview`);
      const { problem } = answer;
      show(answer);
      const here = editor.toServer(0);
      // What is still on its way to the server is not in the preview yet.
      if (!problem && (here === null || here.revision > revision)) next = SOON;
    } catch (error) {
      say(error.message);
      next = AGAIN;
    } finally {
      fetching = false;
    }
    if (next !== null) soon(next);
  }

  function show(answer) {
    if (answer.revision < revision) return;
    revision = answer.revision;
    say(answer.problem ?? (answer.html.trim() ? "" : "Nothing to show yet."));
    replaceBlocks(view, blocks(answer.html, { link: ui.showDestination }));
  }

  function say(text) {
    note.textContent = text;
    note.hidden = !text;
  }

  function follow() {
    following = null;
    if (!panel.visible || view.contains(document.activeElement)) return;
    const block = blockAt(view, lineAt(editor.text(), editor.selection.head));
    block?.scrollIntoView({ block: "nearest" });
  }

  view.addEventListener("click", (event) => {
    if (event.target.closest?.("a") || String(globalThis.getSelection?.() ?? "")) return;
    let block = event.target;
    while (block && block.parentNode !== view) block = block.parentNode;
    if (block && Number.isInteger(block.line)) editor.scrollTo(startOfLine(editor.text(), block.line));
  });

  panel.onShow(() => {
    if (!connected && revision === -1) say("It is shown when the connection is back.");
    soon(0);
  });
  ui.addCommand({ name: "preview", title: "Show the Markdown preview", run: () => panel.show() });
  editor.onChange(() => soon());
  editor.onSelection(() => {
    if (panel.visible) following ??= setTimeout(follow, FOLLOW);
  });
  collab.onConnection((status) => {
    connected = status === "connected";
    if (!connected) revision = -1; // a document restored from a backup begins further back
    soon(0);
  });
  // Where there is no room beside the text, the preview would be in its place.
  if (collab.document.type === "markdown" && !matchMedia("(max-width: 44rem)").matches) panel.show();
  collab.onDispose(() => {
    clearTimeout(timer);
    clearTimeout(following);
  });
}
