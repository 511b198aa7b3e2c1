/**
 * On every page: sends what closed tabs left unsent, and shows the way to what this browser keeps
 * where the page has a place for it. As long as nothing is kept, this is all that a page loads for it.
 */

import { Database } from "../engine/database.js";

/** Unsent work younger than this, in seconds, is most likely on its way from a tab that lives. */
const SETTLED_AFTER = 10;

/** How often it is looked whether there is something, in ms. */
const LOOK_AGAIN = 60_000;

const { dataset } = document.documentElement;
const basePath = dataset.base ?? "";
const listeners = new Set();
let loading = null;

/** What delivers, once it is loaded. @returns {Promise<import("../engine/deliverer.js").Deliverer>} */
export function deliverer() {
  loading ??= load();
  return loading;
}

/** Calls `listener` when something arrived, or became a rescue copy. */
export function onChange(listener) {
  listeners.add(listener);
}

async function load() {
  const modules = [import("../engine/deliverer.js"), import("../engine/environment.js")];
  const [{ Deliverer }, { browserEnvironment }] = await Promise.all(modules);
  const environment = browserEnvironment();
  const except = dataset.document ?? null;
  const one = new Deliverer({ environment, basePath, except, changed: () => tell(one) });
  one.start().then(() => tell(one));
  return one;
}

function tell({ unsent }) {
  showLinks(unsent);
  for (const listener of listeners) listener();
}

/** The links to the page of what is kept, while there is something. */
async function showLinks(unsent) {
  const settled = Date.now() / 1000 - SETTLED_AFTER;
  const some = (await unsent.rescues()).length || (await unsent.records()).some(({ saved }) => saved < settled);
  for (const link of document.querySelectorAll("[data-kept-link]")) link.hidden = !some;
}

async function look() {
  try {
    const found = loading || inLocalStorage() || (await new Database().entries([basePath])).length;
    if (found) showLinks((await deliverer()).unsent);
  } catch {
    // The browser's storage is forbidden: nothing is kept.
  }
}

/** Whether an earlier version left something. */
function inLocalStorage() {
  const kinds = ["rescue", "unsent"].map((kind) => `collab:${basePath}:${kind}:`);
  return Object.keys(localStorage).some((key) => kinds.some((prefix) => key.startsWith(prefix)));
}

look();
setInterval(look, LOOK_AGAIN);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
