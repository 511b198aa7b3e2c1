/** What can be done by name or shortcut: the commands of the page and of plugins. */

import { matches, parse, shown } from "./shortcuts.js";

/** What opens the list of commands. */
export const PALETTE = parse("Mod-Shift-p");

const commands = new Set();

/**
 * @param {object} how
 * @param {string} how.name of it in its plugin
 * @param {string} how.title what the list of commands says
 * @param {string} [how.key] a shortcut as "Mod-Alt-c"; of two with the same the first has it
 * @param {string} [how.plugin]
 * @param {() => void} how.run
 * @returns {{remove(): void}}
 */
export function addCommand({ name, title, key, plugin = "", run }) {
  const shortcut = key === undefined ? null : parse(key);
  const command = { name: String(name), title: String(title), plugin, shortcut, run };
  commands.add(command);
  return { remove: () => void commands.delete(command) };
}

/** All of them: {name, title, plugin, keys, run}; those that fit what was typed, best first. */
export function find(typed = "") {
  const wanted = typed.toLowerCase().split(/\s+/u).filter(Boolean);
  return [...commands]
    .map((command) => ({ command, rank: rank(command.title.toLowerCase(), wanted) }))
    .filter(({ rank }) => rank !== null)
    .sort((a, b) => a.rank - b.rank || a.command.title.localeCompare(b.command.title))
    .map(({ command }) => ({ ...command, keys: command.shortcut ? shown(command.shortcut) : "" }));
}

/** 0: begins so; 1: a word begins so; 2: it is in there; null: it isn't. */
function rank(title, wanted) {
  let worst = 0;
  for (const word of wanted) {
    const at = title.indexOf(word);
    if (at < 0) return null;
    const begins = at === 0 ? 0 : new RegExp(`\\s${escaped(word)}`, "u").test(title) ? 1 : 2;
    worst = Math.max(worst, begins);
  }
  return worst;
}

const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Runs the command whose shortcut was pressed. @returns {boolean} whether there was one */
export function pressed(event) {
  if (event.defaultPrevented || event.isComposing) return false;
  for (const { shortcut, run } of commands) {
    if (!shortcut || !matches(shortcut, event)) continue;
    event.preventDefault();
    run();
    return true;
  }
  return false;
}
