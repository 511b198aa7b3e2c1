/** What can be done with a text that this browser keeps: see it, copy it, download it. */

import { element } from "./elements.js";

/** Characters of a title that make a file's name. */
const LONGEST_NAME = 80;

/** A small button. */
export function smallButton(label, onclick) {
  return element("button", { type: "button", class: "button button-small", onclick }, label);
}

/**
 * The text, hidden at first, and buttons for it.
 * @param {{text: string, title: string}} kept `title` of the document
 * @returns {{text: HTMLElement, buttons: HTMLElement[]}}
 */
export function keptText(kept) {
  const text = element("pre", { tabindex: "0", hidden: true, dir: "auto" }, kept.text);
  const look = smallButton("Show it", () => show(text.hidden));
  const show = (shown) => {
    text.hidden = !shown;
    look.textContent = shown ? "Hide it" : "Show it";
    look.setAttribute("aria-expanded", String(shown));
  };
  show(false);
  const copy = smallButton("Copy", async () => {
    try {
      await navigator.clipboard.writeText(kept.text);
      copy.textContent = "Copied";
    } catch {
      // Without the clipboard (plain HTTP, a refusal) the text is selected for the keyboard.
      show(true);
      getSelection().selectAllChildren(text);
      copy.textContent = "Selected: copy it with the keyboard";
    }
  });
  return { text, buttons: [look, copy, smallButton("Download", () => download(kept))] };
}

function download({ title, text }) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const name = title.replace(/[^\p{L}\p{N}_-]+/gu, " ").trim().slice(0, LONGEST_NAME);
  element("a", { href: address, download: `${name || "Untitled"}.txt` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
