/** One message as it is shown, and the form to change it. */

import { element } from "./element.js";
import { moment, stamp, time } from "./times.js";

/** The names of people in a text, as `collab.ui.written` marks them. */
export function marked(mentions = [], own) {
  return mentions.map(([start, end, user]) => ({ start, end, attributes: { class: "chat-mention", "data-me": user === own } }));
}

/**
 * @param {object} message
 * @param {{own: string, ui: object, goesOn: boolean, manages: boolean, edit: Function, remove: Function,
 *   removeAll: Function, leave: () => void}} how
 *   `manages`: others' messages can be deleted; `leave` puts the focus elsewhere, when what had it goes
 */
export function entry(message, { own, ui, goesOn, manages, edit, remove, removeAll, leave }) {
  const { id, author, deleted } = message;
  const mine = author.id === own;
  const item = element("li", { class: "chat-message", "data-id": id, "data-mine": mine, "data-follows": goesOn });
  ui.paint(item, author.color);
  item.append(
    element(
      "p",
      { class: goesOn ? "chat-head unseen" : "chat-head" },
      element("span", { class: "chat-author" }, ui.person(author)),
      " ",
      element("time", { datetime: stamp(message.time), title: moment(message.time) }, time(message.time)),
    ),
  );
  if (deleted) {
    item.append(element("p", { class: "chat-note" }, "This message was deleted."));
    return item;
  }
  const text = element("p", { class: "chat-text", dir: "auto" }, ...ui.written(message.text, { marks: marked(message.mentions, own) }));
  if (message.edited) text.append(" ", element("small", { class: "chat-note", title: moment(message.edited) }, "edited"));
  item.append(text);
  if (mine || manages) {
    const bar = element("p", { class: "chat-tools" });
    if (mine) bar.append(element("button", { type: "button", onclick: () => change(item, message, { edit, leave }) }, "Edit"));
    bar.append(asking("Delete", "Really delete", () => remove(message.id), leave));
    if (!mine) bar.append(asking("Delete all of theirs", "Really delete all they wrote", () => removeAll(author.id), leave));
    item.append(bar);
  }
  return item;
}

/** A button that asks once more before it does something. */
function asking(label, question, run, leave) {
  const sure = element("button", { type: "button", class: "chat-danger", onclick: () => {
    run();
    leave();
  } }, question);
  const ask = element("button", { type: "button", onclick: () => {
    ask.replaceWith(sure);
    sure.focus();
  } }, label);
  sure.addEventListener("blur", () => sure.replaceWith(ask));
  return ask;
}

/** Puts a form in the place of a message's text; `edit(id, text)` when it is sent, `leave()` at its end. */
export function change(item, message, { edit, leave }) {
  const text = item.querySelector(".chat-text");
  if (!text) return;
  const field = element("textarea", { rows: 2, "aria-label": "Your message" });
  field.value = message.text;
  const end = () => {
    form.replaceWith(text);
    leave();
  };
  const save = (event) => {
    event?.preventDefault();
    if (field.value.trim() && field.value !== message.text) edit(message.id, field.value);
    end();
  };
  const form = element(
    "form",
    { class: "chat-form", onsubmit: save },
    field,
    element("p", { class: "chat-buttons" },
      element("button", { type: "submit", class: "button-primary button-small" }, "Save"),
      element("button", { type: "button", class: "button button-small", onclick: end }, "Cancel")),
  );
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      end();
    } else if (event.key === "Enter" && !event.shiftKey) {
      save(event);
    }
  });
  text.replaceWith(form);
  form.scrollIntoView({ block: "nearest" });
  field.focus();
}

/** A message that the server has not confirmed; `connected`: whether there is one. */
export function waitingEntry({ key, text, problem }, { retry, discard, connected }) {
  const item = element("li", { class: "chat-message", "data-waiting": key, "data-mine": true });
  item.append(element("p", { class: "chat-text", dir: "auto" }, text));
  if (problem === null) {
    item.append(element("p", { class: "chat-note" }, connected ? "Sending …" : "Sending as soon as the connection is back: keep this page open."));
  } else {
    item.append(
      element("p", { class: "problem", role: "alert" }, problem),
      element("p", { class: "chat-buttons" },
        element("button", { type: "button", class: "button button-small", onclick: () => retry(key) }, "Send again"),
        element("button", { type: "button", class: "button button-small", onclick: () => discard(key) }, "Discard")),
    );
  }
  return item;
}
