/** One thread in the panel. It stays the same element, so that what is being written in it stays. */

import { asking, commentItem, waitingItem, writingForm } from "./comment.js";
import { element } from "./element.js";

export class Card {
  #how;
  #quote = element("button", { type: "button", class: "comment-quote", title: "Show it in the text" });
  #lost = element("p", { class: "comment-note" }, "This text was deleted. The thread stays, and finds it again when that is undone.");
  #comments = element("ol", { class: "comment-list" });
  #resolve = element("button", { type: "button", class: "comment-tool" });
  #settled = element("p", { class: "comment-note" });
  #whole = element("span", { hidden: true });
  #drawn = new WeakMap();
  #thread = null;

  /**
   * @param {string} id
   * @param {{show: Function, reply: Function, resolve: Function, edit: Function, remove: Function,
   *   retry: Function, discard: Function, own: () => string, ui: object, longest: () => number,
   *   removeAll: Function, removeThread: Function, manages: () => boolean, writable: () => boolean,
   *   connected: () => boolean}} how
   */
  constructor(id, how) {
    this.#how = how;
    const form = writingForm({ label: "Reply", send: "Reply", rows: 1, longest: how.longest() }, (text) => how.reply(id, text));
    this.element = element(
      "li",
      { class: "comment-thread", "data-thread": id, tabindex: -1 },
      this.#quote,
      this.#lost,
      this.#comments,
      this.#settled,
      form,
      element("p", { class: "comment-tools" }, this.#resolve, this.#whole),
    );
    this.#whole.append(...asking("Delete thread", "Really delete the whole thread", () => how.removeThread(id)));
    this.#quote.addEventListener("click", () => how.show(id));
    this.#resolve.addEventListener("click", () => how.resolve(id, !this.#thread.resolved));
    this.id = id;
    this.form = form;
  }

  /** Shows what it is now; only what is another is touched. */
  update({ thread, lost }, waiting, active) {
    this.#thread = thread;
    const resolved = thread.resolved ?? null;
    this.element.toggleAttribute("data-active", active);
    this.element.toggleAttribute("data-resolved", resolved !== null);
    this.element.setAttribute("aria-label", `Thread about “${thread.quote}”`);
    this.#quote.textContent = thread.quote;
    this.#quote.disabled = lost;
    this.#lost.hidden = !lost;
    this.#settled.hidden = resolved === null;
    this.#settled.textContent = resolved ? `Resolved by ${this.#how.ui.nameOf(resolved.by)}.` : "";
    this.#resolve.textContent = resolved ? "Open again" : "Resolve";
    const writable = this.#how.writable();
    this.form.hidden = resolved !== null || !writable;
    this.#resolve.hidden = !writable;
    this.#whole.hidden = !this.#how.manages();
    arrange(this.#comments, [
      ...thread.comments.map((comment) => this.#item(comment)),
      ...waiting.map((entry) => waitingItem(entry, this.#how)),
    ]);
  }

  #item(comment) {
    if (!this.#drawn.has(comment)) {
      const { own, ui, edit, remove, removeAll, manages, longest } = this.#how;
      const item = commentItem(comment, {
        own: own(),
        ui,
        longest: longest(),
        edit: (number, text) => edit(this.id, number, text),
        remove: (number) => remove(this.id, number),
        removeAll: manages() ? removeAll : null,
      });
      this.#drawn.set(comment, item);
    }
    return this.#drawn.get(comment);
  }
}

/**
 * Makes `items` the children of `list`; those that are in their place are not touched. When the
 * one that has the focus goes, the one that takes its place gets it.
 */
export function arrange(list, items) {
  const wanted = new Set(items);
  const focused = [...list.children].findIndex((child) => child.contains(document.activeElement));
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  if (focused !== -1 && !list.contains(document.activeElement)) (items[focused] ?? items.at(-1) ?? list).focus({ preventScroll: true });
}
