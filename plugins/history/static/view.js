/** A revision, or what is different between two, as elements. What people wrote is text only. */

const KINDS = { added: "ins", removed: "del", formatted: "mark" };

/**
 * `element("p", {class: "note", onclick: fn}, "text", child)`; keys that begin with "on" are
 * listeners.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const byId = (authors) => new Map(authors.map((author) => [author.id, author]));

/**
 * The text at a revision, each run in its author's colour.
 * @param {{text: string, runs: number[], authors: Array<{id, name, color}>}} answer
 * @param {{paint: Function, nameOf: Function}} ui `collab.ui`
 */
export function revisionView({ text, runs, authors }, { paint, nameOf }) {
  const view = document.createDocumentFragment();
  let from = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const author = authors[runs[i]];
    const { id, color } = author;
    const to = from + runs[i + 1];
    // What a document was made with is left as it is.
    const run = element("span", { class: id ? "history-run" : "history-begun", title: nameOf(author) }, text.slice(from, to));
    paint(run, color);
    view.append(run);
    from = to;
  }
  view.append(text.slice(from));
  return view;
}

/** Pieces of a difference, one after the other. @param {{pieces, authors, complete}} answer */
export function differenceView({ pieces, authors, complete }, { paint, nameOf }) {
  const known = byId(authors);
  const view = document.createDocumentFragment();
  for (const { kind, text = "", length = 0, author } of pieces) {
    if (kind === "same") {
      view.append(text);
    } else if (kind === "skipped") {
      view.append(element("span", { class: "history-skipped" }, `… ${length} characters alike …`));
    } else {
      const who = known.get(author);
      const made = element(KINDS[kind], { class: `history-${kind}`, title: who && nameOf(who) }, text);
      if (who && kind === "added") paint(made, who.color);
      view.append(made);
    }
  }
  if (!pieces.some(({ kind }) => KINDS[kind])) view.append(element("p", { class: "history-note" }, "Nothing is different."));
  if (!complete) view.append(element("p", { class: "history-note" }, "There is more that is different than is shown here."));
  return view;
}

/** Who wrote how much of what is shown. */
export function legend({ runs, authors }, ui) {
  const lengths = new Map();
  for (let i = 0; i < runs.length; i += 2) lengths.set(runs[i], (lengths.get(runs[i]) ?? 0) + runs[i + 1]);
  return [...lengths]
    .sort((a, b) => b[1] - a[1])
    .map(([number]) => line(authors[number], ui));
}

/** Who wrote what a difference shows as added. */
export function changers({ pieces, authors }, ui) {
  const added = new Set(pieces.filter(({ kind }) => kind === "added").map(({ author }) => author));
  return authors.filter(({ id }) => added.has(id)).map((author) => line(author, ui));
}

function line(author, ui) {
  const swatch = element("span", { class: "history-swatch" });
  ui.paint(swatch, author.color);
  return element("li", {}, swatch, ui.person(author));
}
