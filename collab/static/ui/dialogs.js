/** Dialogs that plugins open. */

import { element } from "./elements.js";

let made = 0;

/**
 * Opens a dialog. An action's `onClick` that returns (or resolves to) false keeps it open.
 * @param {object} how
 * @param {string} how.title
 * @param {string | Node} [how.body]
 * @param {Array<{label: string, kind?: "primary" | "danger", onClick?: () => unknown}>} [how.actions]
 * @returns {{element: HTMLElement, closed: Promise<string | null>, close(): void, remove(): void}}
 *   `element` holds the body; `closed` resolves to the label of the action that closed it
 */
export function openDialog({ title, body = "", actions = [{ label: "Close" }] }) {
  const heading = element("h2", { id: `dialog-${++made}` }, title);
  const content = element("div", { class: "dialog-body" }, typeof body === "string" ? element("p", {}, body) : body);
  const buttons = actions.map(({ label, kind, onClick }) =>
    element(
      "button",
      {
        type: kind === "primary" ? "submit" : "button",
        class: { primary: "button-primary", danger: "button-danger" }[kind] ?? "button",
        onclick: async (event) => {
          event.preventDefault();
          if (form.getAttribute("aria-busy") === "true") return;
          // What must be filled in is asked for by the browser; leaving is always possible.
          if (kind && !form.reportValidity()) return;
          form.setAttribute("aria-busy", "true");
          const stays = (await onClick?.()) === false;
          form.removeAttribute("aria-busy");
          if (!stays) end(label);
        },
      },
      label,
    ),
  );
  const form = element("form", { method: "dialog" }, heading, content, element("div", { class: "dialog-buttons" }, ...buttons));
  const dialog = element("dialog", { class: "dialog", "aria-labelledby": heading.id }, form);
  let resolve;
  const closed = new Promise((settle) => (resolve = settle));
  function end(label) {
    if (dialog.open) dialog.close();
    dialog.remove();
    resolve(label);
  }
  dialog.addEventListener("close", () => end(null));
  document.body.append(dialog);
  dialog.showModal();
  // A body that scrolls would get the focus itself.
  if (document.activeElement === content) (content.querySelector("input, select, textarea, button, a[href]") ?? buttons[0])?.focus();
  const close = () => end(null);
  return { element: content, closed, close, remove: close };
}
