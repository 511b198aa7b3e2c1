/** The history of a document: a panel with who did what when, and a view of every revision. */

import { Overlay } from "./overlay.js";
import { element } from "./view.js";
import { amount, day, span, spokenAmount, time } from "./words.js";

/** Milliseconds after an edit until the list follows. */
const SOON = 1500;

export default function activate(collab, { setTimeout, clearTimeout } = globalThis) {
  const { ui } = collab;
  const path = `api/documents/${collab.document.id}`;
  const panel = ui.addPanel({ title: "History", icon: "history" });
  const overlay = new Overlay(collab, {
    restore: (revision) => say({ do: "restore", revision }),
    name: (revision, name) => say({ do: "name", revision, name }),
  });

  const browse = element("button", { type: "button", onclick: () => openAt() }, "Look through all revisions");
  const undo = element("button", { type: "button", hidden: true }, "Take the restoring back");
  const note = element("p", { class: "history-note", role: "status", hidden: true });
  const empty = element("p", { class: "history-note", hidden: true }, "Nothing has been changed yet. What is written from now on is listed here.");
  const versionList = element("ul", { class: "history-list", "aria-label": "Named versions" });
  const named = element("section", { hidden: true }, element("h3", { class: "history-day" }, "Named versions"), versionList);
  const list = element("div", {});
  const more = element("button", { type: "button", hidden: true, onclick: () => load(next) }, "Show earlier");
  panel.element.append(element("div", { class: "history-actions" }, browse, undo), note, named, empty, list, more);

  let newest = 0;
  let next = null;
  let pages = 1; // that are listed
  let timer = null;
  let versions = [];
  let restored = null; // the notice that says so

  function say(message) {
    if (!collab.send(message)) tell("The server can’t be reached just now. Try again in a moment.");
  }

  function tell(text) {
    note.textContent = text;
    note.hidden = !text;
    if (text && overlay.isOpen) overlay.about.textContent = text;
  }

  async function openAt(revision, compareWith = null) {
    await load();
    if (newest !== null) overlay.open(newest, revision ?? newest, compareWith);
  }

  // The list.

  async function load(before = null) {
    clearTimeout(timer);
    timer = null;
    let answer;
    try {
      const asked = before === null ? "" : `?before=${before}`;
      answer = await collab.fetch(`${path}/revisions${asked}`);
      if (before === null) await loadVersions();
    } catch (error) {
      tell(error.message);
      return;
    }
    tell("");
    newest = answer.newest;
    next = answer.next;
    more.hidden = next === null;
    overlay.grow(newest);
    pages = before === null ? 1 : pages + 1;
    if (before === null) list.replaceChildren();
    show(answer);
    empty.hidden = list.childElementCount > 0;
  }

  async function loadVersions() {
    ({ versions } = await collab.fetch(`${path}/versions`));
    overlay.setVersions(versions);
    named.hidden = !versions.length;
    versionList.replaceChildren(
      ...[...versions].reverse().map(({ revision, name, time: when }) =>
        element(
          "li",
          {},
          element("button", { type: "button", class: "history-entry", title: name, onclick: () => openAt(revision) },
            element("strong", {}, name), element("small", {}, `${day(when)}, revision ${revision}`)),
        ),
      ),
    );
  }

  function show({ stretches, authors }) {
    const known = new Map(authors.map((author) => [author.id, author]));
    for (const stretch of stretches) {
      const heading = day(stretch.ended);
      let group = list.lastElementChild;
      if (group?.dataset.day !== heading) {
        group = element("section", { "data-day": heading }, element("h3", { class: "history-day" }, heading), element("ul", { class: "history-list" }));
        list.append(group);
      }
      group.lastElementChild.append(entry(stretch, known.get(stretch.author)));
    }
  }

  function entry(stretch, author) {
    const swatch = element("span", { class: "history-swatch" });
    ui.paint(swatch, author?.color);
    const who = author ?? { id: stretch.author, name: stretch.author };
    return element(
      "li",
      {},
      element(
        "button",
        {
          type: "button",
          class: "history-entry",
          title: span(stretch),
          "aria-label": `${ui.nameOf(who)}, ${time(stretch.ended)}: ${spokenAmount(stretch)}. Show what changed`,
          onclick: () => openAt(stretch.last, stretch.first - 1),
        },
        swatch,
        element("strong", {}, ui.person(who)),
        element("small", {}, `${time(stretch.ended)} · ${amount(stretch)}`),
      ),
    );
  }

  // What happens.

  collab.onMessage((message) => {
    if (message.kind === "versions") {
      loadVersions().catch((error) => tell(error.message));
    } else if (message.kind === "refused") {
      tell(message.sentence);
      ui.notify(message.sentence, { kind: "warning" });
    } else if (message.kind === "restored") {
      overlay.close();
      if (message.revision === null) {
        ui.notify("The text is already as it was then.");
        return;
      }
      restored = ui.notify(`The text is as it was in revision ${message.to}. “Take the restoring back” in the history undoes that.`);
      undo.hidden = false;
      undo.onclick = () => say({ do: "take_back", revision: message.revision });
      load();
    } else if (message.kind === "taken_back") {
      if (document.activeElement === undo) browse.focus();
      undo.hidden = true;
      restored?.remove();
      ui.notify("The restoring was taken back. What was written since is kept.");
      load();
    }
  });

  collab.editor.onChange(({ operations }) => {
    for (const { revision } of operations) newest = Math.max(newest, revision);
    overlay.grow(newest);
    if (panel.visible) timer ??= setTimeout(follow, SOON);
  });
  /** Lists what is new, unless somebody is further down in the list, or on an entry. */
  function follow() {
    timer = null;
    if (pages === 1 && !list.contains(document.activeElement)) load();
  }

  panel.onShow(() => load());
  ui.addCommand({ name: "history", title: "Look through the history", run: () => openAt() });
  collab.onDispose(() => {
    clearTimeout(timer);
    overlay.remove();
  });
}
