/** A conversation beside the document: the panel, and what the server half says. */

import { Compose } from "./compose.js";
import { element } from "./element.js";
import { change, entry, waitingEntry } from "./entry.js";
import { Messages, badge, mentions, unread } from "./messages.js";
import { Outbox } from "./outbox.js";
import { day, goesOn, newDay } from "./times.js";

/** Pixels from the end within which somebody counts as reading the newest. */
const NEAR_THE_END = 48;

export default function activate(collab) {
  const messages = new Messages();
  const outbox = new Outbox((data) => collab.send(data));
  const panel = collab.ui.addPanel({ title: "Chat", icon: "chat" });
  const own = () => collab.user?.id;
  const seen = `read ${collab.document.id}`;
  let asked = false; // earlier messages are on their way
  let connected = false;
  let manages = false; // others' messages can be deleted

  const earlier = element("button", { type: "button", class: "button button-small chat-earlier", hidden: true, onclick: askForOlder }, "Earlier messages");
  const empty = element("p", { class: "chat-note chat-empty" }, "Nobody has said anything yet.");
  const list = element("ol", { class: "chat-list" });
  const log = element("div", { class: "chat-log", role: "log", "aria-label": "Messages", tabindex: 0 }, earlier, empty, list);
  const compose = new Compose({
    ui: collab.ui,
    own,
    send(text) {
      outbox.add(text);
      draw({ toEnd: true });
    },
    askPeople: () => collab.send({ kind: "people" }),
    editLast() {
      const last = messages.lastOf(own());
      if (last) change(itemOf(last.id), last, { edit, leave });
    },
  });
  const root = element("div", { class: "chat" }, log, compose.element);
  panel.element.append(root);

  const edit = (id, text) => collab.send({ kind: "edit", id, text }) || offline();
  const remove = (id) => collab.send({ kind: "delete", id }) || offline();
  const removeAll = (author) => collab.send({ kind: "delete_all", author }) || offline();
  const offline = () => collab.ui.notify("The server can’t be reached just now: nothing was changed.", { kind: "warning" });
  const itemOf = (id) => list.querySelector(`[data-id="${id}"]`);
  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_THE_END;

  /** On a phone the keyboard would cover what was said. */
  function leave() {
    if (!matchMedia("(hover: none)").matches) compose.focus();
  }

  function askForOlder() {
    if (asked || !messages.more) return;
    asked = collab.send({ kind: "older", before: messages.list[0].id });
  }

  // Drawing. What was drawn of a message that is the same stays: a form in it, too.

  const drawn = new WeakMap();
  const days = new WeakMap();

  function dayOf(message) {
    if (!days.has(message)) days.set(message, element("li", { class: "chat-day" }, day(message.time)));
    return days.get(message);
  }

  function itemFor(message, before) {
    const follows = goesOn(message, before) && !before.deleted;
    const known = drawn.get(message);
    if (known?.follows === follows && known.manages === manages) return known.item;
    const how = { own: own(), ui: collab.ui, goesOn: follows, manages, edit, remove, removeAll, leave };
    const item = entry(message, how);
    drawn.set(message, { item, follows, manages });
    return item;
  }

  function draw({ toEnd = atEnd() } = {}) {
    const fromEnd = log.scrollHeight - log.scrollTop;
    const items = [];
    let before = null;
    for (const message of messages.list) {
      if (newDay(message, before)) items.push(dayOf(message));
      items.push(itemFor(message, before));
      before = message;
    }
    for (const waiting of outbox.waiting) items.push(waitingEntry(waiting, { retry, discard, connected }));
    place(items);
    earlier.hidden = !messages.more;
    empty.hidden = items.length > 0;
    log.scrollTop = toEnd ? log.scrollHeight : log.scrollHeight - fromEnd;
    look();
  }

  /** Only what is another is touched: so the focus stays, and only what is new is read out. */
  function place(items) {
    const wanted = new Set(items);
    for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
    items.forEach((item, index) => {
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    });
  }

  const retry = (key) => {
    outbox.retry(key);
    draw();
  };
  const discard = (key) => {
    outbox.discard(key);
    draw();
  };

  // What was read.

  function look() {
    const last = messages.list.at(-1)?.id ?? 0;
    let read = collab.preferences.get(seen, 0);
    if (panel.visible && document.visibilityState === "visible" && atEnd() && last > read) {
      read = last;
      collab.preferences.set(seen, read);
    }
    panel.setBadge(badge(unread(messages, read, own())));
  }

  let mention = null; // the note that somebody mentioned us
  function announce(message) {
    if (!mentions(message, own()) || (panel.visible && document.visibilityState === "visible")) return;
    mention = collab.ui.notify(`${collab.ui.nameOf(message.author)} mentioned you: ${message.text.slice(0, 140)}`, { kind: "info" });
  }

  log.addEventListener("scroll", () => {
    if (log.scrollTop < NEAR_THE_END) askForOlder();
    look();
  });
  document.addEventListener("visibilitychange", look);
  collab.onDispose(() => document.removeEventListener("visibilitychange", look));
  collab.preferences.onChange(look);
  panel.onShow(() => {
    mention?.remove();
    draw({ toEnd: true });
    leave();
  });
  collab.ui.addCommand({ name: "open", title: "Open the chat", key: "Mod-Alt-c", run: () => panel.show() });

  // The server half.

  collab.onMessage((message) => {
    switch (message.kind) {
      case "newest":
        asked = false;
        messages.newest(message.messages, message.more);
        for (const { key, author } of message.messages) if (author.id === own()) outbox.confirm(key);
        compose.longest = message.longest;
        manages = message.manages;
        compose.writable = collab.permissions.includes("write");
        root.toggleAttribute("data-reading", !collab.permissions.includes("write"));
        draw();
        break;
      case "older":
        asked = false;
        if (messages.older(message.messages, message.more)) draw({ toEnd: false });
        break;
      case "posted":
        if (message.message.author.id === own()) outbox.confirm(message.message.key);
        if (messages.add(message.message)) announce(message.message);
        draw();
        break;
      case "changed":
        if (messages.change(message.message)) draw();
        break;
      case "deleted_all":
        if (messages.deleteAll(message.author)) draw();
        break;
      case "people":
        compose.people = message.people;
        break;
      case "refused":
        asked = false;
        if (outbox.refuse(message.key, message.sentence)) draw();
        else collab.ui.notify(message.sentence, { kind: "warning" });
        break;
    }
  });
  collab.onConnection((status) => {
    connected = status === "connected";
    if (connected) outbox.resend();
    if (outbox.waiting.length) draw();
  });
}
