/** Exceptions that nothing on the page caught. */

import { pluginIn } from "../plugins/files.js";

/** What is between the addresses in a stack, in any browser. */
const BETWEEN = /[\s()@]/;

/** Whether the engine or the editor threw it: then they may have gone different ways. */
export function concernsText(error) {
  const stack = String(error?.stack ?? "");
  if (pluginIn(stack)) return false; // its own business
  const places = stack.split(BETWEEN).filter((word) => word.includes("/static/"));
  const innermost = places.find((place) => !place.includes("/static/vendor/"));
  if (!innermost) return places.length > 0; // the editor's own code, called by the browser
  return innermost.includes("/static/engine/") || innermost.includes("/static/editor/");
}

/** Calls `concerned` with each of them that concerns the text. */
export function watchUncaught(concerned) {
  addEventListener("error", ({ error }) => concernsText(error) && concerned(error));
  addEventListener("unhandledrejection", ({ reason }) => concernsText(reason) && concerned(reason));
}
