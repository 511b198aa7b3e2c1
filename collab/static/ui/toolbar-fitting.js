/** What does not fit into the row of tools is in a menu at its end, with its name beside it. */

const byId = (id) => document.getElementById(id);

/** Where tools are in the row, first to last. Those at the end go into the menu first. */
const GROUPS = ["toolbar-buttons", "panel-buttons", "toolbar-own"];

/** The group in the row of each tool that is in the menu. @type {Map<Element, Element>} */
const away = new Map();

/** Tools that one plugin may have at once: with each, all are measured again. */
const MOST = 50;

/** How many each plugin has. @type {Map<string, number>} */
const counts = new Map();

let watching = false;
let overdue = false;

/**
 * Changes the tools, and lets them fit again.
 * @param {() => void} [change] finds all of them in the row; without it, theirs are other widths
 */
export function refit(change) {
  watch();
  const menu = byId("toolbar-menu");
  if (menu.matches(":popover-open")) {
    // Nothing moves under somebody's finger.
    showNews();
    overdue = true;
    if (!change) return;
    menu.hidePopover();
  }
  overdue = false;
  const focused = document.activeElement;
  gather();
  change?.();
  byId("toolbar").hidden = !["toolbar-buttons", "panel-buttons"].some((id) => byId(id).children.length);
  fit();
  if (focused !== document.activeElement && byId("toolbar").contains(focused)) focusTool(focused);
}

/**
 * Counts one tool more for a plugin, or (empty) for the page itself.
 * @returns {() => void} counts it no more; may be called again
 * @throws {RangeError} when it has too many
 */
export function claimTool(plugin) {
  const count = counts.get(plugin) ?? 0;
  if (plugin && count >= MOST) throw new RangeError(`A plugin may have ${MOST} tools at once.`);
  counts.set(plugin, count + 1);
  let claimed = true;
  return () => {
    if (claimed) counts.set(plugin, counts.get(plugin) - 1);
    claimed = false;
  };
}

/** Puts the keyboard on a tool, or on what opens the menu that it is in. */
export function focusTool(tool) {
  anchorOf(tool).focus();
}

/** A tool, or what opens the menu that it is in. */
export function anchorOf(tool) {
  return away.has(tool) ? byId("toolbar-more") : tool;
}

/** Whether something that is in the menu has news. */
function showNews() {
  const news = [...away.keys()].some((tool) => tool.querySelector(".badge:not([hidden])"));
  byId("toolbar-more").querySelector(".badge").hidden = !news;
}

function gather() {
  for (const [tool, group] of away) group.append(tool);
  away.clear();
}

function fit() {
  const row = byId("toolbar");
  const more = byId("toolbar-more");
  more.hidden = true;
  if (row.scrollWidth > row.clientWidth) {
    more.hidden = false;
    const tools = GROUPS.flatMap((id) => [...byId(id).children]).filter((tool) => tool !== more);
    const moved = [];
    while (tools.length && row.scrollWidth > row.clientWidth) {
      const tool = tools.pop();
      moved.unshift([tool, tool.parentElement]);
      tool.remove();
    }
    for (const [tool, group] of moved) away.set(tool, group);
    byId("toolbar-menu").replaceChildren(...away.keys());
  }
  showNews();
}

function watch() {
  if (watching) return;
  watching = true;
  let width = null;
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    refit();
  }).observe(byId("toolbar"));
  const [menu, more] = [byId("toolbar-menu"), byId("toolbar-more")];
  menu.addEventListener("beforetoggle", ({ newState }) => newState === "open" && putBeside(menu, more));
  menu.addEventListener("toggle", ({ newState }) => newState === "closed" && overdue && refit());
  // The text keeps its selection, which a tool may be about.
  more.addEventListener("mousedown", (event) => event.preventDefault());
  menu.addEventListener("click", ({ target }) => target.closest("button") && menu.hidePopover());
}

/** Above or below what opens it, and to the side where there is more room. */
export function putBeside(menu, tool) {
  const { top, bottom, left, right } = tool.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const above = top > innerHeight / 2;
  const leftwards = left + right > width;
  menu.style.left = leftwards ? "auto" : `${Math.max(8, left)}px`;
  menu.style.right = leftwards ? `${Math.max(8, width - right)}px` : "auto";
  menu.style.top = above ? "auto" : `${bottom + 6}px`;
  menu.style.bottom = above ? `${innerHeight - top + 6}px` : "auto";
  menu.style.maxHeight = `${(above ? top : innerHeight - bottom) - 14}px`;
}
