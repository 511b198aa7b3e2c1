/** The text as rendered Markdown, in a panel beside it. */

import { blockAt, eachBlock, lineAt, replaceBlocks, startOfLine } from "./tree.js";

/** Milliseconds after an edit until the preview follows. */
const SOON = 350;

/** Milliseconds after a selection changed until the preview is scrolled there. */
const FOLLOW = 120;

/** Milliseconds until a failed request is tried again. */
const AGAIN = 3000;

/** Elements that are made, or put into the page, in one task. */
const AT_ONCE = 1000;

/** Elements of the preview at most: what comes after is left out. */
const MOST = 20_000;

const ONLY_A_PART = "Only a part is shown: the text is too long or too intricate for the whole of it.";

/** Tells when a task has done enough: then it returns a promise to wait for, so that others get their turn. */
function paced() {
  let done = 0;
  return (size) => {
    done += size;
    if (done < AT_ONCE) return null;
    done = 0;
    return new Promise((resume) => globalThis.setTimeout(resume));
  };
}

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
      await show(answer);
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

  async function show(answer) {
    if (answer.revision < revision) return;
    revision = answer.revision;
    const next = [];
    let size = 0;
    let whole = true;
    const pause = paced();
    for (const block of eachBlock(answer.html, { link: ui.showDestination })) {
      size += block.size;
      whole &&= !block.cut;
      if (size > MOST) {
        whole = false;
        break;
      }
      next.push(block);
      await pause(block.size);
    }
    say(answer.problem ?? (whole ? (next.length ? "" : "Nothing to show yet.") : ONLY_A_PART));
    await replaceBlocks(view, next, (block) => pause(block.size));
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
