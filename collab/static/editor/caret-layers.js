/**
 * Draws the carets and selections of others over and under the text.
 *
 * They are layers and not part of the text: so nobody's typing, spell checking or input
 * method notices them.
 */

import { EditorSelection } from "@codemirror/state";
import { Direction, layer, RectangleMarker } from "@codemirror/view";

import { paint } from "../ui/colors.js";
import { flags } from "./caret-flags.js";
import { carets } from "./carets.js";
import { element } from "../ui/elements.js";

/** Pixels that a name needs. */
const ROOM = 22;

/** Names one above the other at most: with more, the text could not be read. */
const STACK = 3;

/** Carets, and rectangles of selections, that are drawn at most: others' pages must not suffer from a crowd. */
const MOST_CARETS = 150;
const MOST_RECTANGLES = 300;

class CaretMarker {
  constructor(place, caret, moved, flag) {
    Object.assign(this, { place, caret, moved, flag });
  }

  eq(other) {
    return (
      this.moved === other.moved &&
      ["key", "name", "color"].every((field) => this.caret[field] === other.caret[field]) &&
      ["left", "top", "height", "stacked"].every((side) => this.place[side] === other.place[side])
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
    const { left, top, height, width, stacked } = this.place;
    dom.style.left = `${left}px`;
    dom.style.top = `${top}px`;
    dom.style.height = `${height}px`;
    dom.dataset.key = this.caret.key;
    paint(dom, this.caret.color);
    const name = dom.firstChild;
    if (name.textContent !== this.caret.name) name.textContent = this.caret.name;
    const above = Math.floor(top / ROOM); // names that there is room for
    name.toggleAttribute("data-below", stacked >= above);
    name.toggleAttribute("data-crowded", stacked >= STACK);
    dom.style.setProperty("--stacked", stacked < above ? stacked : stacked - above);
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
    const here = new Map(); // how many carets are at a place already
    for (const { caret, moved } of view.state.field(carets).values()) {
      const { from, to } = view.viewport;
      if (!waving || caret.head < from || caret.head > to) continue;
      if (markers.length === MOST_CARETS) break;
      const at = view.coordsAtPos(caret.head, caret.head > caret.anchor ? -1 : 1);
      if (!at) continue;
      const place = {
        left: (at.left - base.left) / view.scaleX,
        top: (at.top - base.top) / view.scaleY,
        height: (at.bottom - at.top) / view.scaleY,
        width: view.scrollDOM.clientWidth,
      };
      const spot = `${place.left} ${place.top}`;
      const before = here.get(spot) ?? 0;
      here.set(spot, before + 1);
      place.stacked = before;
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
      if (markers.length >= MOST_RECTANGLES) break;
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
