/** A piece of the text that somebody selected to comment on; it moves until the server has it. */

/** The selection as a place, or null when nothing is selected. */
export function selected(editor) {
  const { anchor, head } = editor.selection;
  return anchor === head ? null : new Place(editor, Math.min(anchor, head), Math.max(anchor, head));
}

export class Place {
  #editor;
  #start;
  #end;

  constructor(editor, from, to) {
    this.#editor = editor;
    this.quote = editor.text().slice(from, to);
    this.#start = editor.track(from, { side: 1 });
    this.#end = editor.track(to, { side: -1 });
  }

  get from() {
    return this.#start.position;
  }

  get to() {
    return Math.max(this.from, this.#end.position);
  }

  /** As the server counts, or null while something typed is not acknowledged. */
  forServer() {
    const start = this.#editor.toServer(this.from);
    const end = this.#editor.toServer(this.to);
    if (!start || !end || start.revision !== end.revision) return null;
    return { revision: start.revision, start: start.position, end: end.position };
  }

  end() {
    this.#start.remove();
    this.#end.remove();
  }
}
