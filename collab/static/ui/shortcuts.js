/** Keyboard shortcuts as plugins write them: "Mod-Shift-x". */

export const MAC = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? "");

const MODIFIERS = new Set(["Mod", "Ctrl", "Alt", "Shift", "Meta"]);

/**
 * "Mod-Alt-c" as an object; `Mod` is ⌘ on a Mac and Ctrl elsewhere.
 * @throws {TypeError} when it can't be understood, or would be in the way of typing
 */
export function parse(text, mac = MAC) {
  const shortcut = read(text, mac);
  if (!shortcut) throw new TypeError(`${text} is not a shortcut`);
  const harmless = shortcut.ctrl || shortcut.meta || /^F\d+$/.test(shortcut.key);
  if (!harmless) throw new TypeError(`${text} would be typed: a shortcut needs Mod or Ctrl`);
  return shortcut;
}

/** The same for any key, also one that is typed; null when it can't be understood. */
export function read(text, mac = MAC) {
  const parts = String(text).split("-");
  const key = parts.pop();
  if (!key || parts.some((part) => !MODIFIERS.has(part))) return null;
  const has = (name) => parts.includes(name);
  return {
    key: key.length === 1 ? key.toLowerCase() : key,
    ctrl: has("Ctrl") || (has("Mod") && !mac),
    meta: has("Meta") || (has("Mod") && mac),
    alt: has("Alt"),
    shift: has("Shift"),
  };
}

/** Whether two are the same keys. */
export function same(a, b) {
  return a.key.toLowerCase() === b.key.toLowerCase() &&
    ["ctrl", "meta", "alt", "shift"].every((held) => a[held] === b[held]);
}

/** Whether a key was pressed with these modifiers. */
export function matches(shortcut, event) {
  // AltGr writes letters where it looks like Ctrl and Alt.
  if (event.getModifierState?.("AltGraph")) return false;
  const { ctrl, meta, alt, shift, key } = shortcut;
  if (event.ctrlKey !== ctrl || event.metaKey !== meta || event.altKey !== alt || event.shiftKey !== shift) return false;
  // With Alt or Shift, the key may be another character: then it is what is printed on it.
  return event.key.toLowerCase() === key.toLowerCase() || event.code === `Key${key.toUpperCase()}` || event.code === `Digit${key}`;
}

/** As it is shown: "⌥⌘C", "Ctrl+Alt+C". */
export function shown({ key, ctrl, meta, alt, shift }, mac = MAC) {
  const name = key.length === 1 ? key.toUpperCase() : key;
  if (mac) return `${ctrl ? "⌃" : ""}${alt ? "⌥" : ""}${shift ? "⇧" : ""}${meta ? "⌘" : ""}${name}`;
  return [ctrl && "Ctrl", meta && "Meta", alt && "Alt", shift && "Shift", name].filter(Boolean).join("+");
}
