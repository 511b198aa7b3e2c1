/** Characters that are not seen, or that reorder what is seen: shown by a mark with their name. */

import { highlightSpecialChars } from "@codemirror/view";
import { BIDI_CONTROLS, NAMES } from "../ui/special.js";

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
