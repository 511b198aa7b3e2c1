/**
 * The carets and selections of others, as a part of the editor's state: who is where.
 *
 * Positions are local ones and move with every change. `caret-layers.js` draws them.
 */

import { StateEffect, StateField } from "@codemirror/state";

import { remote } from "./changes.js";

/**
 * @typedef {{key: string, name: string, color: string, anchor: number, head: number, client?: string,
 *   onClick?: () => void}} Caret
 */

/** Draws a caret, in place of the one that has its key. */
export const putCaret = StateEffect.define({
  map: (caret, changes) => ({
    ...caret,
    anchor: changes.mapPos(caret.anchor, -1),
    head: changes.mapPos(caret.head, -1),
  }),
});

/** Takes the carets away whose keys the function accepts. */
export const dropCarets = StateEffect.define();

/** Shows the name at the caret with that key once more. */
export const waveCaret = StateEffect.define();

/** The carets: key → {caret, moved}; `moved` counts the times its name had to be shown. */
export const carets = StateField.define({
  create: () => new Map(),
  update(value, transaction) {
    let next = value;
    const edit = () => (next === value ? (next = new Map(value)) : next);
    if (transaction.docChanged) {
      const typists = transaction.annotation(remote) ?? [];
      for (const [key, { caret, moved }] of value) {
        // Its owner's own insert pushes a caret along, anybody else's leaves it where it is.
        const owned = typists.includes(caret.client);
        const side = owned ? 1 : -1;
        const anchor = transaction.changes.mapPos(caret.anchor, side);
        const head = transaction.changes.mapPos(caret.head, side);
        if (anchor !== caret.anchor || head !== caret.head) {
          edit().set(key, { caret: { ...caret, anchor, head }, moved: owned ? moved + 1 : moved });
        }
      }
    }
    for (const effect of transaction.effects) {
      if (effect.is(putCaret)) {
        const old = next.get(effect.value.key);
        const same = old && old.caret.head === effect.value.head && old.caret.anchor === effect.value.anchor;
        edit().set(effect.value.key, { caret: effect.value, moved: old ? old.moved + (same ? 0 : 1) : 1 });
      } else if (effect.is(waveCaret)) {
        const old = next.get(effect.value);
        if (old) edit().set(effect.value, { ...old, moved: old.moved + 1 });
      } else if (effect.is(dropCarets)) {
        for (const key of next.keys()) if (effect.value(key)) edit().delete(key);
      }
    }
    return next;
  },
});

/** Where the caret with that key is now. */
export function caretOf(state, key) {
  const found = state.field(carets).get(key);
  return found ? { anchor: found.caret.anchor, head: found.caret.head } : null;
}
