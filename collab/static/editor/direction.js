/** Each line runs from left to right or from right to left, as what is written in it does. */

import { RangeSetBuilder } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin } from "@codemirror/view";

/** What is written from right to left: a line without it is left as it is. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Units at the beginning of a line that are looked at: one paragraph may be a whole book. */
const BEGINNING = 1000;

/** The browser sees by the first letter which way the line runs. */
const automatic = Decoration.line({ attributes: { dir: "auto" } });

function directions(view) {
  const { doc } = view.state;
  const found = new RangeSetBuilder();
  let next = 0;
  for (const { from, to } of view.visibleRanges) {
    for (let at = Math.max(from, next); at <= to; at = next) {
      const line = doc.lineAt(at);
      const beginning = doc.sliceString(line.from, Math.min(line.to, line.from + BEGINNING));
      if (RIGHT_TO_LEFT.test(beginning)) found.add(line.from, line.from, automatic);
      next = line.to + 1;
    }
  }
  return found.finish();
}

class Directions {
  constructor(view) {
    this.lines = directions(view);
  }

  update({ docChanged, viewportChanged, view }) {
    if (docChanged || viewportChanged) this.lines = directions(view);
  }
}

export const lineDirections = [
  EditorView.perLineTextDirection.of(true),
  ViewPlugin.fromClass(Directions, { decorations: ({ lines }) => lines }),
];
