/**
 * Typing over a selection of several lines. The browser would join them with styles of its own,
 * which the page's policy forbids and the console complains of: so it is not left to it.
 */

import { EditorView } from "@codemirror/view";

export const typingOverLines = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { state } = view;
    const { from, to } = state.selection.main;
    if (event.inputType !== "insertText" || !event.data || event.isComposing || state.readOnly) return false;
    if (to <= state.doc.lineAt(from).to) return false;
    event.preventDefault();
    view.dispatch(state.update(state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true }));
    return true;
  },
});
