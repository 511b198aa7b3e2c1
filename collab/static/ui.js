/** The places of the editor page where plugins show things. */

import { element, iconButton } from "./elements.js";

const byId = (id) => document.getElementById(id);
let panels = 0;

/** Adds an element to the header, left of one's own name. */
export function addToHeader(added) {
  byId("header-slot").append(added);
  return { remove: () => added.remove() };
}

/** Adds a line to the foot of the page. */
export function addStatus(text) {
  const foot = byId("foot");
  const item = element("span", {}, String(text));
  foot.append(item);
  foot.hidden = false;
  return {
    setText: (next) => void (item.textContent = String(next)),
    setTitle: (title) => void (item.title = String(title)),
    remove() {
      item.remove();
      foot.hidden = !foot.children.length;
    },
  };
}

/**
 * Adds a panel beside the text, hidden until its button in the header (or `show`) opens it.
 * @param {{title: string, side?: "left"|"right"}} how
 * @returns {{element: HTMLElement, visible: boolean, show(): void, hide(): void, remove(): void}}
 */
export function addPanel({ title, side = "right" }) {
  const place = byId(side === "left" ? "panels-left" : "panels-right");
  const id = `panel-${++panels}`;
  const body = element("div", { class: "panel-body" });
  const close = iconButton("close", `Close ${title}`, () => hide());
  const panel = element(
    "section",
    { class: "panel", id, "aria-label": title, hidden: true },
    element("div", { class: "panel-head" }, element("h2", {}, title), close),
    body,
  );
  const button = element(
    "button",
    {
      type: "button",
      class: "button button-small",
      "aria-expanded": "false",
      "aria-controls": id,
      onclick: () => toggle(panel.hidden),
    },
    title,
  );
  function toggle(visible) {
    panel.hidden = !visible;
    button.setAttribute("aria-expanded", String(visible));
    settle();
  }
  function settle() {
    place.hidden = [...place.children].every((other) => other.hidden);
  }
  function hide() {
    const inside = panel.contains(document.activeElement);
    toggle(false);
    if (inside) button.focus();
  }
  place.append(panel);
  byId("panel-buttons").append(button);
  return {
    element: body,
    get visible() {
      return !panel.hidden;
    },
    show: () => toggle(true),
    hide,
    remove() {
      panel.remove();
      button.remove();
      settle();
    },
  };
}
