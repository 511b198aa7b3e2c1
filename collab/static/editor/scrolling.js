/** Scrolling the text: what a hand does, and what the page or a plugin asks for. */

import { EditorView } from "@codemirror/view";

/**
 * Calls `scrolled` when the reader scrolls by hand. The editor itself scrolls, too: that doesn't count.
 * @param {EditorView} view
 * @param {() => void} scrolled
 */
export function watchScrolling({ scrollDOM }, scrolled) {
  let grasped = false; // the scroll bar
  for (const event of ["wheel", "touchmove"]) scrollDOM.addEventListener(event, scrolled, { passive: true });
  scrollDOM.addEventListener("pointerdown", ({ target }) => void (grasped = target === scrollDOM));
  scrollDOM.addEventListener("pointerup", () => void (grasped = false));
  scrollDOM.addEventListener("scroll", () => grasped && scrolled(), { passive: true });
}

/** Brings a position into the middle of what is seen, if it isn't seen. */
export function scrollTo(view, position) {
  const { top, bottom } = view.scrollDOM.getBoundingClientRect();
  const place = view.coordsAtPos(position);
  if (place && place.top >= top && place.bottom <= bottom) return;
  view.dispatch({ effects: EditorView.scrollIntoView(position, { y: "center" }) });
}

/** Where a position is in the window, in pixels; null when it is far from what is seen. */
export function coordinates(view, position) {
  const place = view.coordsAtPos(position);
  if (!place) return null;
  const { left, right, top, bottom } = place;
  return { left, right, top, bottom };
}

/** Something above the editor grew by so many pixels: what is read stays where it is. */
export function pushedDown({ scrollDOM }, pixels) {
  if (scrollDOM.scrollTop > 0) scrollDOM.scrollTop += pixels;
}
