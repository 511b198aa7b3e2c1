/** The editor for `text` documents: CodeMirror behind the port that `LiveDocument` speaks to. */

import { isolateHistory, redo, undo } from "@codemirror/commands";
import { openSearchPanel } from "@codemirror/search";
import { Compartment, EditorState, Transaction } from "@codemirror/state";
import { EditorView } from "@codemirror/view";

import { caretOf, dropCarets, putCaret, waveCaret } from "./carets.js";
import { changesOf, deltaOf, remote, replacement } from "./changes.js";
import { decorate } from "./decorations.js";
import { caretBehind, orderedEdits } from "./edits.js";
import { keysOf } from "./keys.js";
import { coordinates, pushedDown, scrollTo, watchScrolling } from "./scrolling.js";
import { editorSetup, writing } from "./setup.js";
import { guard } from "../engine/guarding.js";
import { Delta, plainText } from "../engine/ot.js";

export class TextEditor {
  #view;
  #writing = new Compartment();
  #writable = false;
  #wasFocused = false;
  #read = { doc: null, text: "" };
  #extensions;
  #broken = false; // what it shows can't be trusted

  /**
   * @type {(delta: Delta, how: {local: boolean}) => void} called after every change of the
   *   text, whoever made it, and before `onEdit`
   */
  onChange = () => {};

  /** @type {(delta: Delta) => void} called with every edit made here, after it was applied */
  onEdit = () => {};

  /** @type {(error: unknown) => void} called when an edit made here could not be told to `onEdit` */
  onMissed = () => {};

  /** @type {() => void} called after the selection was changed here */
  onSelection = () => {};

  /** @type {() => void} called when the reader scrolls; not when `scrollTo` or an edit does */
  onScroll = () => {};

  /**
   * @param {HTMLElement} parent
   * @param {{nonce?: string, label?: string}} [how] `nonce` admits CodeMirror's styles
   */
  constructor(parent, { nonce = "", label = "Text of the document" } = {}) {
    this.#extensions = [
      editorSetup({ nonce, label }),
      EditorView.updateListener.of(({ transactions, selectionSet }) => this.#updated(transactions, selectionSet)),
    ];
    this.#view = new EditorView({
      parent,
      state: this.#state(""),
      dispatchTransactions: (transactions, view) => this.#dispatched(transactions, view),
    });
    watchScrolling(this.#view, () => this.onScroll());
  }

  #state(doc, selection) {
    const extensions = [this.#writing.of(writing(this.#writable)), this.#extensions];
    return EditorState.create({ doc, selection, extensions });
  }

  /**
   * CodeMirror that throws while it draws has changed its text by then, and told no listener: its
   * view is made again, without what plugins drew and what could be undone.
   */
  #dispatched(transactions, view) {
    try {
      view.update(transactions);
    } catch (error) {
      const { state } = view;
      if (state !== transactions.at(-1).state) throw error; // it has not even begun
      console.error("The text is drawn again, because of:", error);
      this.#broken = true;
      this.#drawAgain(state.doc, state.selection);
      this.#updated(transactions, true);
    }
  }

  #drawAgain(doc, selection) {
    this.#view.setState(this.#state(doc, selection));
    this.#broken = false;
  }

  #updated(transactions, selected) {
    let mine = selected;
    for (const transaction of transactions) {
      if (!transaction.docChanged) continue;
      const local = !transaction.annotation(remote);
      // CodeMirror keeps what a listener throws to itself.
      try {
        const delta = deltaOf(transaction.startState.doc, transaction.changes);
        guard(this.onChange, reportError)(delta, { local });
        if (local) this.onEdit(delta);
      } catch (error) {
        this.onMissed(error);
      }
      mine ||= local;
    }
    if (mine) this.onSelection();
  }

  // The port of `LiveDocument`.

  /** The whole content anew; what is the same stays, and with it the caret and the scrolling. */
  setContent(content) {
    const text = plainText(content);
    const change = replacement(this.text(), text);
    if (!this.#broken) {
      if (change) this.#change(change, []);
      return;
    }
    const inside = (position) => Math.min(position, text.length);
    const { anchor, head } = this.selection;
    this.#drawAgain(text, { anchor: inside(anchor), head: inside(head) });
    if (!change) return;
    const { from, to, insert } = change;
    const delta = new Delta().retain(from).insert(insert).delete(to - from);
    guard(this.onChange, reportError)(delta, { local: false });
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

  /** The shortcuts that are its own, as plugins write them: "Mod-z". @returns {string[]} */
  get shortcuts() {
    return keysOf(this.#view.state);
  }

  get readOnly() {
    return !this.#writable;
  }

  /**
   * Edits the text as the writer does: all edits in one step of the undo history. What takes the
   * place of the selection has the caret behind it.
   * @param {Iterable<import("./edits.js").Edit>} edits
   * @returns {boolean} false when the text can't be edited now
   * @throws {TypeError | RangeError} for edits that make no sense; then nothing is changed
   */
  edit(edits) {
    const changes = orderedEdits(edits, this.length);
    if (!this.#writable) return false;
    const caret = caretBehind(changes, this.#view.state.selection.main);
    this.#view.dispatch({
      changes,
      ...(caret !== null && { selection: { anchor: caret } }),
      userEvent: "input.plugin",
      annotations: isolateHistory.of("full"),
    });
    return true;
  }

  /** One edit; what lies beyond the end is the end. See `edit`. */
  replace(from, to, insert) {
    return this.edit([{ from: this.#position(from), to: this.#position(to), insert: String(insert) }]);
  }

  /** The line that a position is in, without its end: `number` is 1 for the first. */
  lineAt(position) {
    const { from, to, number, text } = this.#view.state.doc.lineAt(this.#position(position));
    return { from, to, number, text };
  }

  /** @param {{scroll?: boolean}} [how] */
  select(anchor, head = anchor, { scroll = true } = {}) {
    const selection = { anchor: this.#position(anchor), head: this.#position(head) };
    this.#view.dispatch({ selection, scrollIntoView: scroll });
  }

  /** Brings a position into the middle of what is seen, if it isn't seen. */
  scrollTo(position) {
    scrollTo(this.#view, this.#position(position));
  }

  /** Where a position is in the window, in pixels; null when it is far from what is seen. */
  coordinates(position) {
    return coordinates(this.#view, this.#position(position));
  }

  /**
   * @param {Array<object>} list see decorations.js
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

  /** @param {import("./carets.js").Caret[]} carets at positions of the present text */
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
    pushedDown(this.#view, pixels);
  }

  destroy() {
    this.#view.destroy();
  }
}
