/** Exceptions that nothing on the page caught. */

/** Where code of the page comes from; a plugin's own is its own business. */
const OURS = /\/static\/(?:engine|editor)\//;
const EDITOR_ITSELF = /\/static\/vendor\//;
const PLUGIN = /\/plugins\/[a-z0-9_]+\/static[./]/;
const SCRIPT = /https?:\/\/\S+?\.js/g;

/** Whether the engine or the editor threw it: then they may have gone different ways. */
export function concernsText(error) {
  const places = String(error?.stack ?? "").match(SCRIPT) ?? [];
  if (places.some((place) => PLUGIN.test(place))) return false;
  const innermost = places.find((place) => !EDITOR_ITSELF.test(place));
  return innermost ? OURS.test(innermost) : places.length > 0;
}

/** Calls `concerned` with each of them that concerns the text. */
export function watchUncaught(concerned) {
  addEventListener("error", ({ error }) => concernsText(error) && concerned(error));
  addEventListener("unhandledrejection", ({ reason }) => concernsText(reason) && concerned(reason));
}
