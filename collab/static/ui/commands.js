/** What can be done by name or shortcut: the commands of the page and of plugins. */

import { matches, parse, read, same, shown } from "./shortcuts.js";

/** What opens the list of commands. */
export const PALETTE = parse("Mod-Shift-p");

const commands = new Set();

/** Keys that no command can have: {shortcut, owner}. */
const reserved = [{ shortcut: PALETTE, owner: "Collab’s list of commands" }];

/**
 * Keeps keys from being given to commands.
 * @param {string[]} keys as "Mod-z"
 * @param {string} owner who has them, in words: "the text editor"
 */
export function reserve(keys, owner) {
  for (const shortcut of keys.map((key) => read(key))) {
    if (shortcut) reserved.push({ shortcut, owner });
  }
}

/**
 * A command whose key somebody else has is there without a key, and says so: in the console, and
 * in the list of commands.
 * @param {object} how
 * @param {string} how.name of it in its plugin
 * @param {string} how.title what the list of commands says
 * @param {string} [how.key] a shortcut as "Mod-Alt-c"
 * @param {string} [how.plugin]
 * @param {() => void} how.run
 * @returns {{remove(): void}}
 * @throws {TypeError} when the key can't be a shortcut
 */
export function addCommand({ name, title, key, plugin = "", run }) {
  const wanted = key === undefined ? null : parse(key);
  const owner = wanted && ownerOf(wanted);
  const command = { name: String(name), title: String(title), plugin, shortcut: owner ? null : wanted, taken: "", run };
  if (owner) {
    command.taken = `${shown(wanted)} belongs to ${owner}`;
    const who = plugin ? `The plugin ${plugin}` : "Collab";
    console.warn(`${who}: its command “${command.title}” has no shortcut, because ${command.taken}.`);
  }
  commands.add(command);
  return { remove: () => void commands.delete(command) };
}

/** Who has a key, in words; null when it is free. */
function ownerOf(wanted) {
  const kept = reserved.find(({ shortcut }) => same(shortcut, wanted));
  if (kept) return kept.owner;
  const other = [...commands].find(({ shortcut }) => shortcut && same(shortcut, wanted));
  if (!other) return null;
  return `“${other.title}” of ${other.plugin ? `the plugin ${other.plugin}` : "Collab"}`;
}

/** All of them: {name, title, plugin, keys, taken, run}; those that fit what was typed, best first. */
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
