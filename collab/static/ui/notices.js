/** Short notes in the corner of the page. */

import { element, iconButton } from "./elements.js";

const KINDS = ["info", "warning", "error"];

/** How long a note stays that asks for nothing, in milliseconds. Errors stay until closed. */
const STAY = { info: 6_000, warning: 12_000, error: null };

/** More than this many at once would cover the text: the oldest goes. */
const MOST = 4;

/**
 * Shows a sentence; the same sentence twice is shown once.
 * @param {string} text
 * @param {{kind?: "info"|"warning"|"error", onGone?: () => void}} [how]
 * @returns {{remove(): void}}
 */
export function notify(text, { kind = "info", onGone = () => {} } = {}) {
  if (!KINDS.includes(kind)) kind = "info";
  const box = document.getElementById("notices");
  for (const other of box.children) {
    if (other.firstChild.textContent === text) other.remove();
  }
  while (box.children.length >= MOST) box.firstChild.remove();
  const remove = () => {
    clearTimeout(timer);
    notice.remove();
    onGone();
  };
  const notice = element(
    "div",
    { class: "notice", "data-kind": kind, role: kind === "error" ? "alert" : "status" },
    element("span", {}, text),
    iconButton("close", "Close", remove),
  );
  box.append(notice);
  let timer = null;
  const wait = () => {
    if (STAY[kind] !== null) timer = setTimeout(remove, STAY[kind]);
  };
  wait();
  // Whoever reads it with the pointer on it has all the time there is.
  notice.addEventListener("pointerenter", () => clearTimeout(timer));
  notice.addEventListener("pointerleave", wait);
  return { remove };
}
