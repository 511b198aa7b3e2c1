/**
 * Which browser halves a page never came back from: a loop without end in `activate` freezes the
 * page, and would freeze it again at every visit.
 *
 * A note in the browser's storage says what is being activated. It is taken away in the same turn,
 * however that ends; only a page that hangs leaves it.
 */

import { storage } from "./storage.js";

const PREFIX = "collab:activating:";

/** ms after which a note is of a page that hangs, and not of another one that does this right now. */
const PATIENCE = 3000;

/** ms until it is tried again. An operator who loads it anew gives it another address at once. */
const PAUSE = 3_600_000;

/** Whether a page hung when it activated the plugin `name` from `script`. */
export function hung(name, script) {
  try {
    const note = JSON.parse(storage()?.getItem(PREFIX + name) ?? "null");
    const age = Date.now() - note?.time;
    return note?.script === script && age > PATIENCE && age < PAUSE;
  } catch {
    return false;
  }
}

/**
 * Activates the plugin `name` from `script`.
 * @template Given
 * @param {() => Given} activate
 * @returns {Given}
 */
export function noted(name, script, activate) {
  try {
    storage()?.setItem(PREFIX + name, JSON.stringify({ script, time: Date.now() }));
  } catch {
    // It is full: a page that hangs is not known again.
  }
  try {
    return activate();
  } finally {
    storage()?.removeItem(PREFIX + name);
  }
}
