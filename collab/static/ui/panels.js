/** Panels beside the text: one is open at a time, on a phone in place of the text. */

import { element, icon, iconButton, place } from "./elements.js";
import { claimTool, focusTool, refit } from "./toolbar-fitting.js";

const byId = (id) => document.getElementById(id);
let made = 0;

/** How the panel that is open is closed. @type {(() => void) | null} */
let closeOpen = null;

/**
 * Adds a panel, hidden until its button (or `show`) opens it.
 * @param {{title: string, icon?: string, badge?: string, wide?: boolean, plugin?: string}} how
 *   `icon` is a name in icons.svg; `wide`: for what has to be as wide as the text
 */
export function addPanel({ title, icon: drawing, badge: first = "", wide = false, plugin = "" }) {
  const giveBack = claimTool(plugin);
  const panels = byId("panels");
  const id = `panel-${++made}`;
  const body = element("div", { class: "panel-body" });
  const close = iconButton("close", `Close ${title}`, () => hide());
  const heading = element("h2", { id: `${id}-title` }, title);
  const panel = element(
    "section",
    { class: "panel", id, "aria-labelledby": heading.id, "data-wide": wide, hidden: true },
    element("div", { class: "panel-head" }, heading, close),
    body,
  );
  const mark = element("span", { class: "badge", hidden: true });
  const button = element(
    "button",
    {
      type: "button",
      class: "tool",
      title,
      "aria-expanded": "false",
      "aria-controls": id,
      onclick: () => (panel.hidden ? show() : hide()),
    },
    ...(drawing ? [icon(drawing)] : []),
    element("span", { class: "tool-label" }, title),
    mark,
  );
  button.toggleAttribute("data-icon", Boolean(drawing));
  const listeners = { show: new Set(), hide: new Set() };
  const tell = (what) => {
    for (const listener of [...listeners[what]]) listener();
  };
  const listen = (what) => (listener) => {
    listeners[what].add(listener);
    return () => void listeners[what].delete(listener);
  };

  function draw(visible) {
    panel.hidden = !visible;
    panels.hidden = !visible;
    button.setAttribute("aria-expanded", String(visible));
  }
  let from = null; // who was writing in the text when it was opened goes back there
  function show() {
    if (!panel.hidden) return;
    from = document.activeElement?.closest(".cm-content") ?? null;
    closeOpen?.();
    closeOpen = hide;
    draw(true);
    // Where a panel covers the text, the keyboard goes with the eye.
    if (getComputedStyle(panels).position === "fixed") close.focus();
    tell("show");
  }
  function hide() {
    if (panel.hidden) return;
    const inside = panel.contains(document.activeElement);
    closeOpen = null;
    draw(false);
    // On a phone that would bring up the keyboard.
    if (inside && from?.isConnected && !matchMedia("(hover: none)").matches) from.focus();
    else if (inside) focusTool(button);
    tell("hide");
  }
  function setBadge(text) {
    const shown = text == null ? "" : String(text);
    if (shown === mark.textContent && mark.hidden === !shown) return;
    mark.textContent = shown;
    mark.hidden = !shown;
    refit();
  }

  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
    event.stopPropagation();
    hide();
  });
  setBadge(first);
  panels.append(panel);
  refit(() => place(byId("panel-buttons"), button, plugin));
  return {
    element: body,
    get visible() {
      return !panel.hidden;
    },
    show,
    hide,
    setBadge,
    onShow: listen("show"),
    onHide: listen("hide"),
    remove() {
      giveBack();
      for (const heard of Object.values(listeners)) heard.clear();
      const focused = [panel, button].some((part) => part.contains(document.activeElement));
      hide();
      panel.remove();
      refit(() => button.remove());
      // Not into the text: what is being typed was not meant for it.
      if (focused) byId("editor").focus();
    },
  };
}
