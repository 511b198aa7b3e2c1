/** The editor for `text` documents: CodeMirror behind the port that `LiveDocument` speaks to. */

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Transaction } from "@codemirror/state";
import { dropCursor, EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";

import { dropCarets, putCaret, remoteCarets } from "./editor-carets.js";
import { changesOf, deltaOf, remote, replacement, WHOLE_LINES, wholeCharacters } from "./editor-changes.js";
import { Delta, plainText } from "./ot.js";

/** Characters that reorder text without being seen, which CodeMirror alone would leave unseen. */
const BIDI_CONTROLS = /[\u202a\u202b\u202c\u2068]/g;

const NAMES = new Map([
  [0x202a, "left-to-right embedding"],
  [0x202b, "right-to-left embedding"],
  [0x202c, "pop directional formatting"],
  [0x2068, "first strong isolate"],
]);

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

export class TextEditor {
  #view;
  #writing = new Compartment();
  #writable = false;
  #wasFocused = false;

  /** @type {(delta: Delta) => void} called with every edit made here, after it was applied */
  onEdit = () => {};

  /** @type {() => void} called after the selection was changed here */
  onSelection = () => {};

  /**
   * @param {HTMLElement} parent
   * @param {{nonce?: string, label?: string}} [how] `nonce` admits CodeMirror's styles
   */
  constructor(parent, { nonce = "", label = "Text of the document" } = {}) {
    this.#view = new EditorView({
      parent,
      state: EditorState.create({
        extensions: [
          WHOLE_LINES,
          wholeCharacters,
          oneKindOfLine,
          this.#writing.of(writing(false)),
          EditorView.cspNonce.of(nonce),
          EditorView.contentAttributes.of({
            "aria-label": label,
            lang: "", // people write in any language, whatever the page's own
            spellcheck: "true",
            autocorrect: "on",
            autocapitalize: "sentences",
          }),
          EditorView.lineWrapping,
          EditorState.tabSize.of(4),
          EditorState.phrases.of(PHRASES),
          history(),
          dropCursor(),
          search(),
          highlightSelectionMatches({ minSelectionLength: 3 }),
          highlightSpecialChars({ addSpecialChars: BIDI_CONTROLS, render: drawSpecial }),
          placeholder("Write something…"),
          keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
          remoteCarets,
          EditorView.updateListener.of((update) => this.#updated(update)),
        ],
      }),
    });
  }

  #updated(update) {
    let mine = update.selectionSet;
    for (const transaction of update.transactions) {
      if (!transaction.docChanged || transaction.annotation(remote)) continue;
      mine = true;
      this.onEdit(deltaOf(transaction.startState.doc, transaction.changes));
    }
    if (mine) this.onSelection();
  }

  // The port of `LiveDocument`.

  /** The whole content anew; what is the same stays, and with it the caret and the scrolling. */
  setContent(content) {
    const change = replacement(this.text(), plainText(content));
    if (change) this.#change(change, []);
  }

  /**
   * An edit of somebody else.
   * @param {Delta} delta
   * @param {{clients?: string[]}} [whose]
   */
  applyRemote(delta, { clients = [] } = {}) {
    this.#change(changesOf(delta, this.#view.state.doc.length), clients);
  }

  #change(changes, clients) {
    this.#view.dispatch({
      changes,
      annotations: [remote.of(clients), Transaction.addToHistory.of(false)],
    });
  }

  text() {
    return this.#view.state.doc.toString();
  }

  content() {
    return new Delta().insert(this.text());
  }

  setWritable(writable) {
    if (writable === this.#writable) return;
    this.#writable = writable;
    if (!writable) this.#wasFocused = this.#view.hasFocus;
    this.#view.dispatch({ effects: this.#writing.reconfigure(writing(writable)) });
    // A browser takes the focus from what can't be edited: give it back, unless it went elsewhere.
    const { activeElement } = document;
    const nowhere = activeElement === document.body || activeElement === this.#view.contentDOM;
    if (writable && this.#wasFocused && nowhere) this.#view.focus();
  }

  // For the page and the plugins.

  /** Where this editor's own caret is: both ends of its selection. */
  get selection() {
    const { anchor, head } = this.#view.state.selection.main;
    return { anchor, head };
  }

  /** @param {import("./editor-carets.js").Caret[]} carets at positions of the present text */
  putCarets(carets) {
    const inside = (position) => Math.max(0, Math.min(position, this.#view.state.doc.length));
    this.#view.dispatch({
      effects: carets.map((caret) =>
        putCaret.of({ ...caret, anchor: inside(caret.anchor), head: inside(caret.head) }),
      ),
    });
  }

  /** Takes away the carets whose keys `which` accepts. */
  dropCarets(which) {
    this.#view.dispatch({ effects: dropCarets.of(which) });
  }

  focus() {
    this.#view.focus();
  }

  /** Something above the editor grew by so many pixels: what is read stays where it is. */
  pushedDown(pixels) {
    const { scrollDOM } = this.#view;
    if (scrollDOM.scrollTop > 0) scrollDOM.scrollTop += pixels;
  }

  destroy() {
    this.#view.destroy();
  }
}

/** A text that can't be written can still be reached by Tab, selected and copied. */
function writing(writable) {
  return [
    EditorState.readOnly.of(!writable),
    EditorView.editable.of(writable),
    EditorView.contentAttributes.of(writable ? {} : { tabindex: "0", "aria-readonly": "true" }),
  ];
}

function drawSpecial(code, description, standIn) {
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
