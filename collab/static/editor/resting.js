/** The own selection stays in sight while the keyboard is elsewhere, in a panel for example. */

import { Decoration, ViewPlugin } from "@codemirror/view";

const mark = Decoration.mark({ class: "cm-restingSelection" });

class Resting {
  constructor(view) {
    this.decorations = this.#of(view);
  }

  update({ focusChanged, selectionSet, docChanged, view }) {
    if (focusChanged || selectionSet || docChanged) this.decorations = this.#of(view);
  }

  #of(view) {
    const { empty, from, to } = view.state.selection.main;
    return view.hasFocus || empty ? Decoration.none : Decoration.set(mark.range(from, to));
  }
}

export const restingSelection = ViewPlugin.fromClass(Resting, { decorations: ({ decorations }) => decorations });
