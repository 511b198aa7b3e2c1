/** Making DOM elements without ever parsing HTML: what people wrote stays text. */

const BASE = globalThis.document?.documentElement.dataset.base ?? "";

/**
 * `element("p", {class: "note", hidden: true, onclick: fn}, "text", child)`. Keys that begin
 * with "on" are listeners, `true` and `false` set or leave out an attribute.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const ICONS = `${BASE}/static/icons.svg`;

/** What is in icons.svg, once it is here. @type {Document | null} */
let drawings = null;

/** Fetches the drawings once: so what is shown while the network is gone has them, too. */
export async function keepIcons() {
  const response = await fetch(ICONS).catch(() => null); // without them, each asks for itself
  if (response?.ok) drawings = new DOMParser().parseFromString(await response.text(), "image/svg+xml");
}

/** One of the drawings in icons.svg. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const kept = drawings?.getElementById(name);
  if (kept) {
    svg.setAttribute("viewBox", kept.getAttribute("viewBox"));
    svg.append(...[...kept.children].map((part) => document.importNode(part, true)));
    return svg;
  }
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** A square button that shows a drawing and says `label`. */
export function iconButton(name, label, onclick) {
  const attributes = { type: "button", class: "button-icon", title: label, "aria-label": label };
  return element("button", { ...attributes, onclick }, icon(name));
}

/**
 * Puts what a plugin adds among the others, in the order of the plugins' names: modules arrive
 * in any order, and what is on the page shall not change places from visit to visit.
 */
export function place(parent, added, plugin) {
  added.dataset.plugin = plugin;
  const after = [...parent.children].find((other) => (other.dataset.plugin ?? "") > plugin);
  parent.insertBefore(added, after ?? null);
}
