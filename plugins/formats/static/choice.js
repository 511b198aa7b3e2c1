/** Which format a file is of. */

/** Endings that files have besides those that they are written with. */
const OTHERS = { htm: "html", xhtml: "html", markdown: "md", mdown: "md", text: "txt", log: "txt", ltx: "tex" };

/**
 * The name of the format to read a file as: the first for its ending, else plain text.
 * @param {string} filename
 * @param {Array<{name: string, extension: string}>} importers
 */
export function formatOf(filename, importers) {
  const ending = /\.([^.]+)$/.exec(filename)?.[1].toLowerCase() ?? "";
  const extension = OTHERS[ending] ?? ending;
  return (importers.find((one) => one.extension === extension) ?? { name: "text" }).name;
}

/**
 * The formats as they are offered: what can be read back is the document, what can't is something
 * about it; and what is for programs comes after what is for people.
 * @param {{exporters: Array<{name: string, extension: string}>, importers: Array<{name: string}>}} formats
 */
export function inOrder({ exporters, importers }) {
  const readable = new Set(importers.map(({ name }) => name));
  const rank = ({ name, extension }) => (readable.has(name) ? 0 : 2) + (extension === "json" ? 1 : 0);
  return [...exporters].sort((a, b) => rank(a) - rank(b));
}
