/** The title, edited in its place and live to everybody. */

import { request } from "./http.js";
import { notify } from "./notices.js";

/** Typing this long without a pause sends the title once, in milliseconds. */
const TYPING_PAUSE = 350;

export class Title {
  #input;
  #path;
  #timer = null;
  #saved;
  #sending = null;

  /**
   * @param {HTMLInputElement} input
   * @param {string} path of the document in the HTTP API
   */
  constructor(input, path) {
    this.#input = input;
    this.#path = path;
    this.#saved = input.value;
    input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#save(), TYPING_PAUSE);
    });
    input.addEventListener("blur", () => {
      if (!input.value.trim()) input.value = this.#saved;
      this.#save();
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") input.value = this.#saved;
      if (event.key === "Escape" || event.key === "Enter") input.blur();
    });
  }

  /** Puts the keyboard there, with everything selected. */
  edit() {
    this.#input.focus();
    this.#input.select();
  }

  set writable(writable) {
    this.#input.readOnly = !writable;
  }

  /** What the server says it is; what is being typed here right now goes first. */
  show(title) {
    const typing = this.#input.value.trim() !== this.#saved && document.activeElement === this.#input;
    this.#saved = title;
    if (!typing && this.#input.value.trim() !== title) this.#input.value = title;
    document.title = `${title || "Untitled"} · Collab`;
  }

  /** One request at a time, so that the last thing typed is the last thing saved. */
  async #save() {
    clearTimeout(this.#timer);
    await this.#sending;
    const title = this.#input.value.trim();
    if (!title || title === this.#saved || this.#input.readOnly) return;
    this.#sending = request(this.#path, { method: "PATCH", body: { title } }).then(
      (changed) => this.show(changed?.title ?? title),
      (error) => {
        notify(`The title was not changed: ${error.message}`, { kind: "error" });
        if (document.activeElement !== this.#input) this.#input.value = this.#saved;
      },
    );
    await this.#sending;
  }
}
