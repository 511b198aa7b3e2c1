/** The editor for `text` documents: CodeMirror behind the port that `LiveDocument` speaks to. */

import { defaultKeymap, history, historyKeymap, isolateHistory, redo, undo } from "@codemirror/commands";
import { highlightSelectionMatches, openSearchPanel, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, Transaction } from "@codemirror/state";
import { dropCursor, EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";

import { caretOf, dropCarets, putCaret, remoteCarets, waveCaret } from "./editor-carets.js";
import { changesOf, deltaOf, remote, replacement, WHOLE_LINES, wholeCharacters } from "./editor-changes.js";
import { decorate, pluginDecorations } from "./editor-decorations.js";
import { restingSelection } from "./editor-resting.js";
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
  #read = { doc: null, text: "" };
  #grasped = false; // the scroll bar

  /**
   * @type {(delta: Delta, how: {local: boolean}) => void} called after every change of the
   *   text, whoever made it, and before `onEdit`
   */
  onChange = () => {};

  /** @type {(delta: Delta) => void} called with every edit made here, after it was applied */
  onEdit = () => {};

  /** @type {() => void} called after the selection was changed here */
  onSelection = () => {};

  /** @type {() => void} called when the reader scrolls; not when `scrollTo` or an edit does */
  onScroll = () => {};

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
          pluginDecorations,
          restingSelection,
          EditorView.updateListener.of((update) => this.#updated(update)),
        ],
      }),
    });
    this.#watchScrolling();
  }

  #updated(update) {
    let mine = update.selectionSet;
    for (const transaction of update.transactions) {
      if (!transaction.docChanged) continue;
      const local = !transaction.annotation(remote);
      const delta = deltaOf(transaction.startState.doc, transaction.changes);
      this.onChange(delta, { local });
      if (!local) continue;
      mine = true;
      this.onEdit(delta);
    }
    if (mine) this.onSelection();
  }

  /** The editor itself scrolls, too: what counts is what a hand does. */
  #watchScrolling() {
    const { scrollDOM } = this.#view;
    const scrolls = () => this.onScroll();
    for (const event of ["wheel", "touchmove"]) scrollDOM.addEventListener(event, scrolls, { passive: true });
    scrollDOM.addEventListener("pointerdown", ({ target }) => void (this.#grasped = target === scrollDOM));
    scrollDOM.addEventListener("pointerup", () => void (this.#grasped = false));
    scrollDOM.addEventListener("scroll", () => this.#grasped && scrolls(), { passive: true });
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
    const { doc } = this.#view.state;
    if (this.#read.doc !== doc) this.#read = { doc, text: doc.toString() };
    return this.#read.text;
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

  /** In UTF-16 code units, as all positions. */
  get length() {
    return this.#view.state.doc.length;
  }

  get readOnly() {
    return !this.#writable;
  }

  /**
   * Edits the text as the writer does, in one step of the undo history. What takes the place
   * of the selection has the caret behind it.
   * @param {number} from
   * @param {number} to
   * @param {string} insert
   * @returns {boolean} false when the text can't be edited now
   */
  replace(from, to, insert) {
    if (!this.#writable) return false;
    const changes = { from: this.#position(from), to: this.#position(to), insert: String(insert) };
    if (changes.from > changes.to) throw new RangeError(`${from} lies behind ${to}`);
    const { main } = this.#view.state.selection;
    const selected = main.from === changes.from && main.to === changes.to;
    this.#view.dispatch({
      changes,
      ...(selected && { selection: { anchor: changes.from + changes.insert.length } }),
      userEvent: "input.plugin",
      annotations: isolateHistory.of("full"),
    });
    return true;
  }

  /** @param {{scroll?: boolean}} [how] */
  select(anchor, head = anchor, { scroll = true } = {}) {
    const selection = { anchor: this.#position(anchor), head: this.#position(head) };
    this.#view.dispatch({ selection, scrollIntoView: scroll });
  }

  /** Brings a position into the middle of what is seen, if it isn't seen. */
  scrollTo(position) {
    const at = this.#position(position);
    const { top, bottom } = this.#view.scrollDOM.getBoundingClientRect();
    const place = this.#view.coordsAtPos(at);
    if (place && place.top >= top && place.bottom <= bottom) return;
    this.#view.dispatch({ effects: EditorView.scrollIntoView(at, { y: "center" }) });
  }

  /** Where a position is in the window, in pixels; null when it is far from what is seen. */
  coordinates(position) {
    const place = this.#view.coordsAtPos(this.#position(position));
    if (!place) return null;
    const { left, right, top, bottom } = place;
    return { left, right, top, bottom };
  }

  /**
   * @param {Array<object>} list see editor-decorations.js
   * @returns {{update(list: Array<object>): void, remove(): void}}
   */
  decorate(list) {
    return decorate(this.#view, list);
  }

  #position(position) {
    if (!Number.isInteger(position)) throw new TypeError(`${position} is not a position`);
    return Math.max(0, Math.min(position, this.length));
  }

  undo() {
    return undo(this.#view);
  }

  redo() {
    return redo(this.#view);
  }

  find() {
    openSearchPanel(this.#view);
  }

  /** @param {import("./editor-carets.js").Caret[]} carets at positions of the present text */
  putCarets(carets) {
    const inside = (position) => Math.max(0, Math.min(position, this.length));
    this.#view.dispatch({
      effects: carets.map((caret) =>
        putCaret.of({ ...caret, anchor: inside(caret.anchor), head: inside(caret.head) }),
      ),
    });
  }

  /** Where a caret is now: {anchor, head}, or null. */
  caret(key) {
    return caretOf(this.#view.state, key);
  }

  /** Brings a caret into sight and shows its name. @returns {boolean} false when it isn't there */
  showCaret(key) {
    const caret = this.caret(key);
    if (!caret) return false;
    this.scrollTo(caret.head);
    this.#view.dispatch({ effects: waveCaret.of(key) });
    return true;
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
