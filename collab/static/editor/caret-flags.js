/** The names at the carets of others: which are on view, and for how long. */

import { ViewPlugin } from "@codemirror/view";

import { carets } from "./carets.js";

/** How long a name stays after its caret moved, in milliseconds. */
const FLAG_STAYS = 2_000;

/** How near the pointer has to come to a caret to see its name, in pixels. */
const NEAR = 6;

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

/** Whether the pointer is at a caret, or on its name that is on view there, or on the way to it. */
function reached({ dom, hovered }, x, y) {
  const caret = dom.getBoundingClientRect();
  const name = hovered ? dom.firstChild.getBoundingClientRect() : caret;
  const beside = x >= Math.min(caret.left, name.left) - NEAR && x <= Math.max(caret.right, name.right) + NEAR;
  return beside && y >= Math.min(caret.top, name.top) - NEAR && y <= Math.max(caret.bottom, name.bottom) + NEAR;
}

/** All of one editor, and the pointer that calls them back. */
class Flags {
  constructor(view) {
    this.byKey = new Map();
    // Of what scrolls, not of the text alone: the names lie above that.
    const { signal } = (this.ended = new AbortController());
    view.scrollDOM.addEventListener("mousemove", (event) => this.pointer(event.clientX, event.clientY), { signal });
    view.scrollDOM.addEventListener("mouseleave", () => this.pointer(-1, -1), { signal });
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
      flag.hover(reached(flag, x, y));
    }
  }

  destroy() {
    this.ended.abort();
    for (const flag of this.byKey.values()) flag.end();
  }
}

export const flags = ViewPlugin.fromClass(Flags);
