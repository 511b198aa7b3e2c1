/** Brings over what Collab kept in `localStorage` before it had a database. */

import { attempt } from "./guarding.js";
import { keysOf } from "./marks.js";

/**
 * Resolves when all of it is on the disk. A tab of the earlier version that still lives keeps its own.
 * @param {import("./environment.js").Environment} environment
 * @param {string} namespace
 * @param {import("./unsent.js").Unsent} unsent
 * @param {ReturnType<typeof import("./claims.js").openClaims>} claims
 */
export async function bringOver({ storage }, namespace, unsent, claims) {
  for (const kind of ["rescue", "unsent"]) {
    const prefix = `collab:${namespace}:${kind}:`;
    for (const key of attempt(() => keysOf(storage, prefix), [])) {
      const [document, name] = key.slice(prefix.length).split(":");
      const release = kind === "unsent" ? await claims.tryToTake(name) : () => {};
      if (!release) continue;
      try {
        const value = JSON.parse(storage.getItem(key));
        if (value && (await unsent.adopt(kind, document, name, value)) === "refused") continue;
        storage.removeItem(key);
      } catch {
        // Not what Collab wrote, or the storage is forbidden by now: it stays.
      } finally {
        release();
      }
    }
  }
}
