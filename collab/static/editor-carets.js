/**
 * The carets and selections of others, drawn over and under the text.
 *
 * They are layers and not part of the text: so nobody's typing, spell checking or input
 * method notices them. Positions are local ones and move with every change.
 */

import { EditorSelection, StateEffect, StateField } from "@codemirror/state";
import { Direction, layer, RectangleMarker, ViewPlugin } from "@codemirror/view";

import { paint } from "./colors.js";
import { element } from "./elements.js";
import { remote } from "./editor-changes.js";

/** How long a name stays after its caret moved, in milliseconds. */
const FLAG_STAYS = 2_000;

/** How near the pointer has to come to a caret to see its name, in pixels. */
const NEAR = 6;

/**
 * @typedef {{key: string, name: string, color: string, anchor: number, head: number, client?: string,
 *   onClick?: () => void}} Caret
 */

/** Draws a caret, in place of the one that has its key. */
export const putCaret = StateEffect.define({
  map: (caret, changes) => ({
    ...caret,
    anchor: changes.mapPos(caret.anchor, -1),
    head: changes.mapPos(caret.head, -1),
  }),
});

/** Takes the carets away whose keys the function accepts. */
export const dropCarets = StateEffect.define();

/** Shows the name at the caret with that key once more. */
export const waveCaret = StateEffect.define();

/** key → {caret, moved}; `moved` counts the times its name had to be shown. */
const carets = StateField.define({
  create: () => new Map(),
  update(value, transaction) {
    let next = value;
    const edit = () => (next === value ? (next = new Map(value)) : next);
    if (transaction.docChanged) {
      const typists = transaction.annotation(remote) ?? [];
      for (const [key, { caret, moved }] of value) {
        // Its owner's own insert pushes a caret along, anybody else's leaves it where it is.
        const owned = typists.includes(caret.client);
        const side = owned ? 1 : -1;
        const anchor = transaction.changes.mapPos(caret.anchor, side);
        const head = transaction.changes.mapPos(caret.head, side);
        if (anchor !== caret.anchor || head !== caret.head) {
          edit().set(key, { caret: { ...caret, anchor, head }, moved: owned ? moved + 1 : moved });
        }
      }
    }
    for (const effect of transaction.effects) {
      if (effect.is(putCaret)) {
        const old = next.get(effect.value.key);
        const same = old && old.caret.head === effect.value.head && old.caret.anchor === effect.value.anchor;
        edit().set(effect.value.key, { caret: effect.value, moved: old ? old.moved + (same ? 0 : 1) : 1 });
      } else if (effect.is(waveCaret)) {
        const old = next.get(effect.value);
        if (old) edit().set(effect.value, { ...old, moved: old.moved + 1 });
      } else if (effect.is(dropCarets)) {
        for (const key of next.keys()) if (effect.value(key)) edit().delete(key);
      }
    }
    return next;
  },
});

/** Where the caret with that key is now. */
export function caretOf(state, key) {
  const found = state.field(carets).get(key);
  return found ? { anchor: found.caret.anchor, head: found.caret.head } : null;
}

/** One person's name: on view after its caret moved until its time is over, and under the pointer. */
class Flag {
  constructor() {
    this.moved = 0;
    this.until = 0;
    this.timer = null;
    this.dom = null;
    this.hovered = false;
    this.pressed = null;
  }

  attach(dom) {
    this.dom = dom;
    this.show();
  }

  /** Shows the name for a while, once for each time its caret was moved. */
  wave(moved) {
    if (moved === this.moved) return;
    this.moved = moved;
    this.until = performance.now() + FLAG_STAYS;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), FLAG_STAYS + 20);
    this.show();
  }

  hover(hovered) {
    if (hovered === this.hovered) return;
    this.hovered = hovered;
    this.show();
  }

  show() {
    this.dom?.toggleAttribute("data-shown", this.hovered || performance.now() < this.until);
  }

  end() {
    clearTimeout(this.timer);
  }
}

class CaretMarker {
  constructor(place, caret, moved, flag) {
    Object.assign(this, { place, caret, moved, flag });
  }

  eq(other) {
    return (
      this.moved === other.moved &&
      ["key", "name", "color"].every((field) => this.caret[field] === other.caret[field]) &&
      ["left", "top", "height"].every((side) => this.place[side] === other.place[side])
    );
  }

  draw() {
    const name = element("div", { class: "cm-remoteFlag" });
    // The text under a name that can be pressed keeps its caret and its focus.
    name.addEventListener("mousedown", (event) => event.preventDefault());
    name.addEventListener("click", () => this.flag.pressed?.());
    const dom = element("div", { class: "cm-remoteCaret" }, name);
    this.fill(dom);
    this.flag.wave(this.moved);
    return dom;
  }

  /** Reuses the element of the same person's caret, so that its name fades without a jump. */
  update(dom, old) {
    if (old.caret.key !== this.caret.key) return false;
    this.fill(dom);
    this.flag.wave(this.moved);
    return true;
  }

  fill(dom) {
    const { left, top, height, width } = this.place;
    dom.style.left = `${left}px`;
    dom.style.top = `${top}px`;
    dom.style.height = `${height}px`;
    dom.dataset.key = this.caret.key;
    paint(dom, this.caret.color);
    const name = dom.firstChild;
    if (name.textContent !== this.caret.name) name.textContent = this.caret.name;
    name.toggleAttribute("data-below", top < 24);
    name.dataset.side = left > width / 2 ? "left" : "right";
    name.toggleAttribute("data-button", Boolean(this.caret.onClick));
    this.flag.pressed = this.caret.onClick;
    this.flag.attach(dom);
  }
}

/** A selection's rectangle in its owner's colour. */
class SelectionMarker {
  constructor(rectangle, color) {
    Object.assign(this, { rectangle, color });
  }

  eq(other) {
    return this.color === other.color && this.rectangle.eq(other.rectangle);
  }

  draw() {
    const dom = this.rectangle.draw();
    paint(dom, this.color);
    return dom;
  }

  update(dom, old) {
    if (!this.rectangle.update(dom, old.rectangle)) return false;
    paint(dom, this.color);
    return true;
  }
}

/** Where in the scrolled content a client coordinate lies. */
function origin(view) {
  const box = view.scrollDOM.getBoundingClientRect();
  const left =
    view.textDirection === Direction.LTR ? box.left : box.right - view.scrollDOM.clientWidth * view.scaleX;
  return {
    left: left - view.scrollDOM.scrollLeft * view.scaleX,
    top: box.top - view.scrollDOM.scrollTop * view.scaleY,
  };
}

/** What the two layers share for one editor: the flags, and the pointer that calls them back. */
class Flags {
  constructor() {
    this.byKey = new Map();
  }

  of(key) {
    let flag = this.byKey.get(key);
    if (!flag) this.byKey.set(key, (flag = new Flag()));
    return flag;
  }

  update(update) {
    const present = update.state.field(carets);
    if (present === update.startState.field(carets)) return;
    for (const [key, flag] of this.byKey) {
      if (present.has(key)) continue;
      flag.end();
      this.byKey.delete(key);
    }
  }

  pointer(x, y) {
    for (const flag of this.byKey.values()) {
      if (!flag.dom?.isConnected) continue;
      const { left, right, top, bottom } = flag.dom.getBoundingClientRect();
      const beside = x >= left - NEAR && x <= right + NEAR;
      flag.hover(beside && y >= top - NEAR && y <= bottom + NEAR);
    }
  }

  destroy() {
    for (const flag of this.byKey.values()) flag.end();
  }
}

const flags = ViewPlugin.fromClass(Flags, {
  eventHandlers: {
    mousemove(event) {
      this.pointer(event.clientX, event.clientY);
    },
    mouseleave() {
      this.pointer(-1, -1);
    },
  },
});

const changed = (update) =>
  update.docChanged || update.viewportChanged || update.geometryChanged ||
  update.startState.field(carets) !== update.state.field(carets);

const caretLayer = layer({
  above: true,
  class: "cm-remoteCaretLayer",
  update: changed,
  markers(view) {
    const waving = view.plugin(flags);
    const base = origin(view);
    const markers = [];
    for (const { caret, moved } of view.state.field(carets).values()) {
      const { from, to } = view.viewport;
      if (!waving || caret.head < from || caret.head > to) continue;
      const at = view.coordsAtPos(caret.head, caret.head > caret.anchor ? -1 : 1);
      if (!at) continue;
      const place = {
        left: (at.left - base.left) / view.scaleX,
        top: (at.top - base.top) / view.scaleY,
        height: (at.bottom - at.top) / view.scaleY,
        width: view.scrollDOM.clientWidth,
      };
      markers.push(new CaretMarker(place, caret, moved, waving.of(caret.key)));
    }
    return markers;
  },
});

const selectionLayer = layer({
  above: false,
  class: "cm-remoteSelectionLayer",
  update: changed,
  markers(view) {
    const markers = [];
    for (const { caret } of view.state.field(carets).values()) {
      if (caret.anchor === caret.head) continue;
      const range = EditorSelection.range(caret.anchor, caret.head);
      for (const rectangle of RectangleMarker.forRange(view, "cm-remoteSelection", range)) {
        markers.push(new SelectionMarker(rectangle, caret.color));
      }
    }
    return markers;
  },
});

/** What the editor needs to draw the carets that `putCaret` brings. */
export const remoteCarets = [carets, flags, caretLayer, selectionLayer];
