/** The row of buttons below the header, which is there when there is something in it. */

import { openChoices } from "./choices.js";
import { element, icon, place } from "./elements.js";
import { claimTool, refit } from "./toolbar-fitting.js";

const byId = (id) => document.getElementById(id);

/**
 * @param {{label: string, icon?: string, title?: string, plugin?: string, onClick?: () => void,
 *   choices?: () => Array<{label: string, active?: boolean, run: () => void}>}} how
 *   `icon` is a name in icons.svg, which stands for the label on a narrow screen; `choices` are
 *   asked for when it is pressed, and shown in a menu
 * @throws {RangeError} when the plugin has too many
 */
export function addToolbarButton({ label, icon: drawing, title = label, plugin = "", onClick, choices }) {
  const giveBack = claimTool(plugin);
  let menu = null;
  const words = element("span", { class: "tool-label" }, label);
  const button = element(
    "button",
    {
      type: "button",
      class: "tool",
      title,
      // A press must not take the selection away that it is about.
      onmousedown: (event) => event.preventDefault(),
      onclick: () => (choices ? choose() : onClick()),
    },
    ...(drawing ? [icon(drawing)] : []),
    words,
  );
  button.toggleAttribute("data-icon", Boolean(drawing));
  if (choices) button.setAttribute("aria-haspopup", "menu");
  refit(() => place(byId("toolbar-buttons"), button, plugin));

  function choose() {
    const offered = choices();
    if (offered?.length) menu = openChoices(button, title, offered);
  }

  return {
    setActive: (active) => void button.setAttribute("aria-pressed", String(Boolean(active))),
    setDisabled: (disabled) => void (button.disabled = Boolean(disabled)),
    setLabel(text) {
      if (words.textContent !== String(text)) refit(() => void (words.textContent = String(text)));
    },
    remove() {
      giveBack();
      menu?.remove();
      refit(() => button.remove());
    },
  };
}
