/** The simple places of the editor page where plugins show things. */

import { element, place } from "./elements.js";

const byId = (id) => document.getElementById(id);

/** Adds an element to the header, left of one's own name. */
export function addToHeader(added, plugin = "") {
  place(byId("header-slot"), added, plugin);
  return { remove: () => added.remove() };
}

/** Adds an element above the lower end of the text, in the middle. */
export function addOverlay(added, plugin = "") {
  place(byId("overlays"), added, plugin);
  return { remove: () => added.remove() };
}

/** Adds a line to the foot of the page. */
export function addStatus(text, plugin = "") {
  const foot = byId("foot");
  const item = element("span", {}, String(text));
  place(foot, item, plugin);
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
