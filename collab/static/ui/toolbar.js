/** The row of buttons below the header, which is there when there is something in it. */

import { element, icon, place } from "./elements.js";
import { refit } from "./toolbar-fitting.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {{label: string, icon?: string, title?: string, plugin?: string, onClick: () => void}} how
 *   `icon` is a name in icons.svg; on a narrow screen it stands for the label
 */
export function addToolbarButton({ label, icon: drawing, title = label, plugin = "", onClick }) {
  const button = element(
    "button",
    {
      type: "button",
      class: "tool",
      title,
      // A press must not take the selection away that it is about.
      onmousedown: (event) => event.preventDefault(),
      onclick: () => onClick(),
    },
    ...(drawing ? [icon(drawing)] : []),
    element("span", { class: "tool-label" }, label),
  );
  button.toggleAttribute("data-icon", Boolean(drawing));
  refit(() => place(byId("toolbar-buttons"), button, plugin));
  return {
    setActive: (active) => void button.setAttribute("aria-pressed", String(Boolean(active))),
    setDisabled: (disabled) => void (button.disabled = Boolean(disabled)),
    remove: () => refit(() => button.remove()),
  };
}
