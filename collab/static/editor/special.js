/** Characters that are not seen, or that reorder what is seen: shown by a mark with their name. */

import { highlightSpecialChars } from "@codemirror/view";

/** Characters that reorder text without being seen, which CodeMirror alone would leave unseen. */
const BIDI_CONTROLS = /[\u202a\u202b\u202c\u2068]/g;

const NAMES = new Map([
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "pop directional formatting"],
  [0x2068, "first strong isolate"],
]);

export const specialCharacters = highlightSpecialChars({ addSpecialChars: BIDI_CONTROLS, render: draw });

function draw(code, description, standIn) {
  const mark = document.createElement("span");
  mark.className = "cm-specialChar";
  mark.textContent = standIn;
  const name = NAMES.get(code) ?? description;
  if (name) {
    mark.title = name;
    mark.setAttribute("aria-label", name);
  }
  return mark;
}
