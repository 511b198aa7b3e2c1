/** Threads about parts of the text: the panel, the highlights, and what the server half says. */

import { Card, arrange } from "./card.js";
import { waitingItem, writingForm } from "./comment.js";
import { element } from "./element.js";
import { Outbox } from "./outbox.js";
import { selected } from "./place.js";
import { Threads, open, signature } from "./threads.js";

/** Milliseconds after an edit until the list's order is looked at. */
const PAUSE = 250;

export default function activate(collab, { setTimeout, clearTimeout } = globalThis) {
  const { editor, ui } = collab;
  const threads = new Threads(editor);
  const outbox = new Outbox((data) => collab.send(data));
  const marks = editor.decorate([]);
  const cards = new Map();
  let active = null; // a thread's id
  let draft = null; // {place, form}
  let longest = 4000;
  let connected = false;
  let manages = false; // what others wrote can be removed
  let drawn = ""; // the signature of what was drawn
  let timer = null;

  const panel = ui.addPanel({ title: "Comments", icon: "comment" });
  const drafts = element("div", { class: "comment-drafts" });
  const waiting = element("ol", { class: "comment-list comment-waiting" });
  const list = element("ol", { class: "comment-threads", "aria-label": "Threads in the order of the text", tabindex: -1 });
  const empty = element("p", { class: "comment-note" });
  const settled = element("input", { type: "checkbox", onchange: () => {
    collab.preferences.set("resolved", settled.checked);
    draw();
  } });
  settled.checked = Boolean(collab.preferences.get("resolved", false));
  const filter = element("label", { class: "comment-filter" }, settled, " Show resolved");
  const root = element("div", { class: "comments" }, drafts, waiting, filter, empty, list);
  panel.element.append(root);

  const writable = () => collab.permissions.includes("write");
  const say = (data) => {
    if (!collab.send(data)) ui.notify("The server can’t be reached just now: nothing was changed.", { kind: "warning" });
  };
  const how = {
    show: showInText,
    reply(id, text) {
      outbox.add(text, id, () => ({ kind: "reply", thread: id }));
      draw();
    },
    resolve: (thread, resolved) => say({ kind: "resolve", thread, resolved }),
    edit: (thread, comment, text) => say({ kind: "edit", thread, comment, text }),
    remove: (thread, comment) => say({ kind: "delete", thread, comment }),
    removeAll: (author) => say({ kind: "remove_all", author }),
    removeThread: (thread) => say({ kind: "remove", thread }),
    manages: () => manages,
    retry(key) {
      outbox.retry(key);
      draw();
    },
    discard(key) {
      outbox.discard(key);
      draw();
    },
    own: () => collab.user?.id,
    ui,
    longest: () => longest,
    writable,
    connected: () => connected,
  };

  // A new thread.

  function comment() {
    if (!writable()) {
      ui.notify("You may read this document, but not comment on it.", { kind: "info" });
      return;
    }
    const place = selected(editor);
    if (!place) {
      const here = threadAt(editor.selection.head);
      if (here) activateThread(here.id, { focus: true });
      else ui.notify("Select the text that your comment is about.", { kind: "info" });
      return;
    }
    panel.show();
    if (draft) draft.place.end(); // what was written goes to the new place
    else draft = { form: writingForm({ label: "Your comment", send: "Comment", longest, cancel }, write) };
    draft.place = place;
    const quote = element("p", { class: "comment-quote" }, shortened(place.quote));
    drafts.replaceChildren(quote, draft.form);
    draft.form.querySelector("textarea").focus();
    draw();
  }

  function cancel() {
    draft?.place.end();
    draft = null;
    drafts.replaceChildren();
    draw();
    editor.focus();
  }

  function write(text) {
    const { place } = draft;
    const { to } = place;
    draft = null;
    drafts.replaceChildren();
    const send = () => {
      const where = place.forServer();
      return where && { kind: "open", ...where };
    };
    outbox.add(text, null, send, () => place.end());
    draw();
    // Behind what it is about: what is typed next does not take its place.
    editor.select(to, to);
    // On a phone the panel covers the text.
    if (!matchMedia("(hover: none)").matches) editor.focus();
  }

  // Drawing.

  function draw() {
    const all = threads.inOrder();
    drawn = signature(all);
    const unconfirmed = outbox.waiting;
    const shown = all.filter(({ id, thread }) => settled.checked || !thread.resolved || id === active);
    for (const id of [...cards.keys()]) if (threads.get(id) === null) cards.delete(id);
    const items = shown.map((one) => {
      if (!cards.has(one.id)) cards.set(one.id, new Card(one.id, how));
      const card = cards.get(one.id);
      card.update(one, unconfirmed.filter(({ thread }) => thread === one.id), one.id === active);
      return card.element;
    });
    arrange(list, items);
    // An answer to a thread that is not there any more is not lost either.
    const alone = unconfirmed.filter(({ thread }) => thread === null || !shown.some(({ id }) => id === thread));
    waiting.replaceChildren(...alone.map((entry) => waitingItem(entry, how)));
    empty.hidden = items.length > 0 || draft !== null || alone.length > 0;
    filter.hidden = !all.some(({ thread }) => thread.resolved);
    empty.textContent = `${filter.hidden ? "" : "Everything is resolved. "}Select some text and press “Comment” to say something about it.`;
    root.toggleAttribute("data-reading", !writable());
    const count = open(all);
    panel.setBadge(count ? String(count) : "");
    mark(all);
  }

  function mark(all) {
    const list = all
      .filter(({ id, thread, lost }) => !lost && (!thread.resolved || id === active))
      .map(({ id, thread, from, to }) => ({
        from,
        to,
        class: id === active ? "comment-mark comment-mark-active" : "comment-mark",
        attributes: { "data-thread": id },
        title: `${ui.nameOf(thread.comments[0].author)}: ${shortened(thread.comments[0].text ?? "")}`,
        onClick: () => activateThread(id),
      }));
    if (draft && draft.place.from < draft.place.to) {
      list.push({ from: draft.place.from, to: draft.place.to, class: "comment-mark comment-mark-draft" });
    }
    marks.update(list.sort((a, b) => a.from - b.from || a.to - b.to));
  }

  /** The shortest thread around a position. */
  function threadAt(position) {
    const around = threads.inOrder().filter(({ from, to, lost, thread }) => !lost && !thread.resolved && from <= position && position <= to);
    return around.sort((a, b) => a.to - a.from - (b.to - b.from))[0];
  }

  function showInText(id) {
    active = id;
    draw();
    const one = threads.inOrder().find((other) => other.id === id);
    if (one && !one.lost) editor.select(one.from, one.to, { scroll: true });
  }

  /** Who clicked into the text may want to write there: the focus stays, unless it is asked for. */
  function activateThread(id, { focus = false } = {}) {
    active = id;
    draw();
    panel.show();
    const card = cards.get(id)?.element;
    card?.scrollIntoView({ block: "nearest" });
    if (focus) card?.focus({ preventScroll: true });
  }

  function lookSoon() {
    timer ??= setTimeout(() => {
      timer = null;
      const late = threads.placeLate();
      if (late || signature(threads.inOrder()) !== drawn) draw();
    }, PAUSE);
  }

  // The page.

  ui.addToolbarButton({ label: "Comment", icon: "comment_add", title: "Comment on the selected text", onClick: comment });
  ui.addCommand({ name: "comment", title: "Comment on the selected text, or open the thread at the caret", key: "Mod-Alt-m", run: comment });
  editor.onSelection(() => outbox.flush());
  editor.onChange(() => {
    outbox.flush();
    lookSoon();
  });
  collab.onConnection((status) => {
    connected = status === "connected";
    if (!connected) outbox.lost();
    else outbox.flush();
    if (outbox.waiting.length) draw();
  });
  collab.onDispose(() => clearTimeout(timer));

  // The server half.

  function put(placed, revision) {
    threads.put(placed, revision);
    for (const { key, author } of placed.thread.comments) if (author.id === how.own()) outbox.confirm(key);
  }

  collab.onMessage((message) => {
    switch (message.kind) {
      case "threads":
        if (message.first) threads.clear();
        longest = message.longest;
        manages = message.manages;
        for (const placed of message.placed) put(placed, message.revision);
        draw();
        break;
      case "thread":
        put(message.placed, message.revision);
        draw();
        break;
      case "moved":
        for (const [id, start, end] of message.ranges) threads.move(id, start, end, message.revision);
        draw();
        break;
      case "removed":
        threads.remove(message.thread);
        if (active === message.thread) active = null;
        draw();
        break;
      case "refused":
        if (outbox.refuse(message.key, message.sentence)) draw();
        else ui.notify(message.sentence, { kind: "warning" });
        break;
    }
  });
}

function shortened(text) {
  const line = text.replace(/\s+/gu, " ").trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
