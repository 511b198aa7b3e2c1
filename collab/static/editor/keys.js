/** The keys of the text editor, and which of them plugins can't have. */

import {
  cursorMatchingBracket, defaultKeymap, historyKeymap, selectParentSyntax, toggleBlockComment, toggleComment,
} from "@codemirror/commands";
import { searchKeymap } from "@codemirror/search";
import { keymap } from "@codemirror/view";

import { MAC } from "../ui/shortcuts.js";

/** Commands about program code. They do nothing to a plain text, so that plugins may have their keys. */
const ABOUT_CODE = new Set([cursorMatchingBracket, selectParentSyntax, toggleBlockComment, toggleComment]);

const bindings = [...defaultKeymap, ...historyKeymap, ...searchKeymap].filter(({ run }) => !ABOUT_CODE.has(run));

export const editorKeys = keymap.of(bindings);

/** CodeMirror's names of the modifiers, by ours. */
const MODIFIERS = new Map([
  ["Mod", /^mod$/i],
  ["Ctrl", /^(c|ctrl|control)$/i],
  ["Meta", /^(m|meta|cmd)$/i],
  ["Alt", /^(a|alt)$/i],
  ["Shift", /^(s|shift)$/i],
]);

/**
 * The keys that the text editor takes on this system, as plugins write them: "Mod-z".
 * @param {import("@codemirror/state").EditorState} state
 * @returns {string[]}
 */
export function keysOf(state) {
  const found = new Set();
  for (const binding of state.facet(keymap).flat()) {
    const name = binding[platform()] ?? binding.key;
    if (!name) continue;
    found.add(asPluginsWrite(name));
    if (binding.shift) found.add(asPluginsWrite(`Shift-${name}`));
  }
  return [...found];
}

/** As CodeMirror tells systems apart. */
function platform() {
  if (MAC) return "mac";
  return /Win/.test(navigator.platform) ? "win" : "linux";
}

function asPluginsWrite(name) {
  const [strokes] = name.split(" "); // of several strokes, the first is what nobody else gets
  const parts = strokes.split(/-(?!$)/);
  const key = parts.pop();
  // To CodeMirror, a capital letter says that Shift is held.
  if (/^\p{Lu}$/u.test(key)) parts.push("Shift");
  const held = [...MODIFIERS].filter(([, names]) => parts.some((part) => names.test(part))).map(([ours]) => ours);
  return [...held, key].join("-");
}
