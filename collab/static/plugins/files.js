/**
 * From which addresses a plugin's files are loaded, so that they are what the server has now.
 *
 * A page runs a module once in its life, whatever becomes of the file. The server gives a plugin
 * that it loaded anew another folder (`static.1/`), and with it another address to all that its
 * files import. What the server can't know is what a page has run before: a plugin that was off
 * for a while, or a server that started anew and counts from the beginning, bring an old address
 * back. Then the page asks below one of its own (`static.1.1/`); the server answers all of them.
 */

const IN_FOLDER = /^(.*\/plugins\/[a-z0-9_]+\/static)((?:\.p?\d+)*)(\/[^/]+)$/;

/** How often this page has begun with each address. */
const runs = new Map();

/**
 * Where to load a plugin from that starts now.
 * @param {string | null} script the address that the server told
 * @param {string[]} styles
 * @returns {{script: string | null, styles: string[], folder: string | null}} `folder` is that of
 *   its static files, without a slash at the end
 */
export function freshFiles(script, styles) {
  const first = script ?? styles[0] ?? "";
  const run = runs.get(first) ?? 0;
  runs.set(first, run + 1);
  const folderOf = (address) => {
    const [, home, generation] = IN_FOLDER.exec(address) ?? [];
    if (home === undefined) return null;
    return home + (run ? `${generation || ".0"}.${run}` : generation);
  };
  const fresh = (address) => {
    const folder = folderOf(address);
    return folder === null ? address : folder + address.slice(address.lastIndexOf("/"));
  };
  return { script: script && fresh(script), styles: styles.map(fresh), folder: folderOf(first) };
}

/** The plugin whose code a stack or an address names first, or null. */
export function pluginIn(text) {
  return text.match(/\/plugins\/([a-z0-9_]+)\/static[./]/)?.[1] ?? null;
}
