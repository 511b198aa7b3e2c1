/** A menu of choices beside the tool that opens it: one is taken, or none. */

import { element } from "./elements.js";
import { anchorOf, putBeside } from "./toolbar-fitting.js";

/**
 * @param {HTMLElement} tool
 * @param {string} label what is chosen
 * @param {Array<{label: string, active?: boolean, run: () => void}>} choices
 * @returns {HTMLElement} the open menu; it is gone once it is closed
 */
export function openChoices(tool, label, choices) {
  const items = choices.map((choice) =>
    element(
      "button",
      {
        type: "button",
        class: "tool",
        role: "menuitemradio",
        "aria-checked": String(Boolean(choice.active)),
        onclick() {
          menu.hidePopover();
          choice.run();
        },
      },
      choice.label,
    ),
  );
  const menu = element(
    "div",
    { class: "toolbar-menu", popover: "auto", role: "menu", "aria-label": label, onkeydown: walk },
    ...items,
  );
  function walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
  }
  menu.addEventListener("toggle", ({ newState }) => {
    tool.setAttribute("aria-expanded", String(newState === "open"));
    if (newState === "closed") menu.remove();
  });
  const anchor = anchorOf(tool);
  document.body.append(menu);
  menu.showPopover();
  putBeside(menu, anchor);
  (items.find((item) => item.ariaChecked === "true") ?? items[0])?.focus();
  return menu;
}
