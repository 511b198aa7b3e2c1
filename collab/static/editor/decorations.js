/**
 * What plugins draw into the text: coloured ranges, lines, and elements between characters.
 *
 * Each list is one entry of a state field, so CodeMirror moves what is in it with every edit.
 */

import { RangeSet, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";

/** {key, set}: a plugin's list is another now; `set` null takes it away. */
const put = StateEffect.define();

/** key → DecorationSet */
const lists = StateField.define({
  create: () => new Map(),
  update(value, transaction) {
    let next = value;
    if (transaction.docChanged && value.size) {
      next = new Map([...value].map(([key, set]) => [key, set.map(transaction.changes)]));
    }
    for (const effect of transaction.effects) {
      if (!effect.is(put)) continue;
      if (next === value) next = new Map(value);
      if (effect.value.set) next.set(effect.value.key, effect.value.set);
      else next.delete(effect.value.key);
    }
    return next;
  },
  provide: (field) =>
    EditorView.decorations.compute([field], (state) => RangeSet.join([...state.field(field).values()])),
});

/** A click into a range is its plugin's, unless it ended a selection. */
const clicks = EditorView.domEventHandlers({
  click(event, view) {
    if (event.button !== 0 || !view.state.selection.main.empty) return;
    const at = view.posAtCoords({ x: event.clientX, y: event.clientY });
    if (at === null) return;
    // The shortest one under the pointer is the one that is meant.
    let meant = null;
    for (const set of view.state.field(lists).values()) {
      set.between(at, at, (from, to, { spec }) => {
        if (!spec.onClick || from === to) return;
        if (!meant || to - from < meant.length) meant = { length: to - from, onClick: spec.onClick };
      });
    }
    meant?.onClick(event);
  },
});

/** What the editor needs to draw the lists of `decorate`. */
export const pluginDecorations = [lists, clicks];

/** An element of a plugin's; it stays the same one, whatever happens to it in there. */
class Widget extends WidgetType {
  constructor(dom) {
    super();
    this.dom = dom;
  }

  eq(other) {
    return other.dom === this.dom;
  }

  toDOM() {
    return this.dom;
  }

  ignoreEvent() {
    return true;
  }
}

/**
 * @typedef {object} Mark characters that look different
 * @property {number} from
 * @property {number} to
 * @property {string} [class]
 * @property {{background?: string, color?: string, underline?: string}} [style] CSS colours
 * @property {Record<string, string>} [attributes]
 * @property {string} [title]
 * @property {(event: MouseEvent) => void} [onClick]
 * @property {boolean} [inclusive] whether what is written at its edges belongs to it
 *
 * @typedef {{at: number, widget: HTMLElement, side?: number, block?: boolean}} Between
 * @typedef {{line: number, class?: string, attributes?: Record<string, string>}} Line
 *   `line` is any position in it
 */

/**
 * Draws a list, until `remove`; `update` draws another in its place.
 * @param {EditorView} view
 * @param {Array<Mark | Between | Line>} list positions of the present text
 */
export function decorate(view, list) {
  const key = {};
  let gone = false;
  const show = (next) => {
    if (!gone) view.dispatch({ effects: put.of({ key, set: setOf(next, view.state.doc) }) });
  };
  show(list);
  return {
    update: show,
    remove() {
      if (gone) return;
      gone = true;
      view.dispatch({ effects: put.of({ key, set: null }) });
    },
  };
}

function setOf(list, doc) {
  const inside = (position) => Math.max(0, Math.min(whole(position), doc.length));
  const ranges = [];
  for (const one of list) {
    if (one.widget !== undefined) {
      const at = inside(one.at);
      const side = one.side ?? 1;
      ranges.push(Decoration.widget({ widget: new Widget(one.widget), side, block: one.block === true }).range(at));
    } else if (one.line !== undefined) {
      const { from } = doc.lineAt(inside(one.line));
      ranges.push(Decoration.line({ class: one.class, attributes: attributesOf(one) }).range(from));
    } else {
      const [from, to] = [inside(one.from), inside(one.to)];
      if (from < to) ranges.push(markOf(one).range(from, to));
    }
  }
  return Decoration.set(ranges, true);
}

function markOf(mark) {
  return Decoration.mark({
    class: mark.class,
    attributes: attributesOf(mark),
    inclusive: mark.inclusive === true,
    onClick: mark.onClick,
  });
}

function whole(position) {
  if (!Number.isInteger(position)) throw new TypeError(`${position} is not a position`);
  return position;
}

/** How a colour is used. */
const STYLES = {
  background: (color) => `background-color: ${color};`,
  color: (color) => `color: ${color};`,
  underline: (color) => `text-decoration: underline 2px ${color}; text-underline-offset: 0.2em;`,
};

function attributesOf({ attributes = {}, style = {}, title }) {
  const all = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (/^(on|style$|class$|contenteditable$)/i.test(name)) {
      throw new TypeError(`a decoration may not have the attribute ${name}`);
    }
    all[name] = String(value);
  }
  if (title !== undefined) all.title = String(title);
  const css = Object.entries(style).map(([name, color]) => {
    if (!Object.hasOwn(STYLES, name)) throw new TypeError(`a decoration has no style ${name}`);
    if (!CSS.supports("color", color)) throw new TypeError(`${color} is not a colour`);
    return STYLES[name](color);
  });
  if (css.length) all.style = css.join(" ");
  return all;
}
