/** One comment as it is shown, and the forms that comments are written in. */

import { element } from "./element.js";
import { moment, stamp, time } from "./times.js";

/**
 * @param {object} comment
 * @param {{own: string, ui: object, edit: Function, remove: Function, longest: number,
 *   removeAll: ?Function}} how `removeAll`: for whoever may remove what others wrote, else null
 */
export function commentItem(comment, { own, ui, edit, remove, removeAll, longest }) {
  const { author } = comment;
  const item = element(
    "li",
    { class: "comment", "data-comment": comment.id, tabindex: -1 },
    element(
      "p",
      { class: "comment-head" },
      element("span", { class: "comment-author" }, ui.person(author)),
      " ",
      element("time", { datetime: stamp(comment.time), title: moment(comment.time) }, time(comment.time)),
      comment.edited ? element("span", { title: moment(comment.edited) }, " · edited") : "",
    ),
  );
  ui.paint(item, author.color);
  if (comment.deleted) {
    item.append(element("p", { class: "comment-note" }, "This comment was deleted."));
    return item;
  }
  const text = element("p", { class: "comment-text", dir: "auto" }, ...ui.written(comment.text));
  item.append(text);
  if (author.id === own) {
    const change = () => {
      const end = () => {
        form.replaceWith(text);
        item.focus({ preventScroll: true });
      };
      const form = writingForm({ label: "Your comment", send: "Save", text: comment.text, longest, cancel: end }, (next) => {
        end();
        if (next !== comment.text) edit(comment.id, next);
      });
      text.replaceWith(form);
      form.querySelector("textarea").focus();
    };
    item.append(
      element("p", { class: "comment-tools" },
        element("button", { type: "button", class: "comment-tool", onclick: change }, "Edit"),
        ...asking("Delete", "Really delete", () => remove(comment.id))),
    );
  } else if (removeAll) {
    item.append(
      element("p", { class: "comment-tools" },
        ...asking("Delete", "Really delete", () => remove(comment.id)),
        ...asking("Delete all of theirs", "Really delete all they wrote", () => removeAll(author.id))),
    );
  }
  return item;
}

/** A button that asks once more before it does something. */
export function asking(label, question, run) {
  const ask = element("button", { type: "button", class: "comment-tool" }, label);
  const sure = element("button", { type: "button", class: "comment-tool comment-danger", onclick: run }, question);
  ask.addEventListener("click", () => {
    ask.replaceWith(sure);
    sure.focus();
  });
  sure.addEventListener("blur", () => sure.replaceWith(ask));
  return [ask];
}

/**
 * A field with a button. Ctrl+Enter sends; Escape cancels, when that is possible.
 * @param {{label: string, send: string, text?: string, rows?: number, longest: number, cancel?: () => void}} how
 * @param {(text: string) => void} write
 */
export function writingForm({ label, send, text = "", rows = 2, longest, cancel }, write) {
  const field = element("textarea", { rows, placeholder: label, "aria-label": label, maxlength: longest });
  field.value = text;
  const submit = (event) => {
    event.preventDefault();
    const written = field.value.trim();
    if (!written) return;
    field.value = "";
    write(written);
  };
  const buttons = element("p", { class: "comment-buttons" }, element("button", { type: "submit", class: "button-primary button-small" }, send));
  if (cancel) buttons.append(element("button", { type: "button", class: "button button-small", onclick: cancel }, "Cancel"));
  const form = element("form", { class: "comment-form", onsubmit: submit }, field, buttons);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      submit(event);
    } else if (event.key === "Escape" && cancel) {
      event.stopPropagation();
      cancel();
    }
  });
  return form;
}

/** A comment that the server has not confirmed; `connected`: whether there is one. */
export function waitingItem({ key, text, problem }, { retry, discard, connected }) {
  const item = element("li", { class: "comment", "data-waiting": true }, element("p", { class: "comment-text", dir: "auto" }, text));
  if (problem === null) {
    item.append(element("p", { class: "comment-note" }, connected() ? "Sending …" : "Sending as soon as the connection is back: keep this page open."));
  } else {
    item.append(
      element("p", { class: "problem", role: "alert" }, problem),
      element("p", { class: "comment-buttons" },
        element("button", { type: "button", class: "button button-small", onclick: () => retry(key) }, "Send again"),
        element("button", { type: "button", class: "button button-small", onclick: () => discard(key) }, "Discard")),
    );
  }
  return item;
}
