/** How CodeMirror is set up as the editor of a document's text. */

import { history } from "@codemirror/commands";
import { highlightSelectionMatches, search } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { dropCursor, EditorView, placeholder } from "@codemirror/view";

import { remoteCarets } from "./caret-layers.js";
import { WHOLE_LINES, wholeCharacters } from "./changes.js";
import { pluginDecorations } from "./decorations.js";
import { lineDirections } from "./direction.js";
import { editorKeys } from "./keys.js";
import { restingSelection } from "./resting.js";
import { specialCharacters } from "./special.js";
import { typingOverLines } from "./typing.js";

/** CodeMirror's own words, as the rest of the page is written. */
const PHRASES = {
  next: "Next",
  previous: "Previous",
  all: "All",
  "match case": "Match case",
  regexp: "Regular expression",
  "by word": "Whole words",
  replace: "Replace",
  "replace all": "Replace all",
  close: "Close",
};

/** One line of a pasted or dropped text ends with "\n", whatever system it comes from. */
const oneKindOfLine = EditorView.clipboardInputFilter.of((text) => text.replace(/\r\n?/g, "\n"));

/**
 * What an editor is made with.
 * @param {{nonce: string, label: string}} how `nonce` admits CodeMirror's styles
 */
export function editorSetup({ nonce, label }) {
  return [
    WHOLE_LINES,
    wholeCharacters,
    oneKindOfLine,
    EditorView.cspNonce.of(nonce),
    EditorView.contentAttributes.of({
      "aria-label": label,
      lang: "", // people write in any language, whatever the page's own
      spellcheck: "true",
      autocorrect: "on",
      autocapitalize: "sentences",
    }),
    EditorView.lineWrapping,
    lineDirections,
    typingOverLines,
    EditorState.tabSize.of(4),
    EditorState.phrases.of(PHRASES),
    history(),
    dropCursor(),
    search(),
    highlightSelectionMatches({ minSelectionLength: 3 }),
    specialCharacters,
    placeholder("Write something…"),
    editorKeys,
    remoteCarets,
    pluginDecorations,
    restingSelection,
  ];
}

/** A text that can't be written can still be reached by Tab, selected and copied. */
export function writing(writable) {
  return [
    EditorState.readOnly.of(!writable),
    EditorView.editable.of(writable),
    EditorView.contentAttributes.of(writable ? {} : { tabindex: "0", "aria-readonly": "true" }),
  ];
}
