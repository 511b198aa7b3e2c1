/** The browser's storage, or null: reading `localStorage` throws where the user forbade it. */
export function storage() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
