/** Whether the work is safe, in plain sight but calm. */

/** Being saved for less than this is not worth a word, in milliseconds. */
const UNREMARKABLE = 400;

/** What becomes of unsaved changes when this page is closed now. */
function whetherSafe({ kept, keeps }) {
  if (!keeps) return "This browser could not keep a copy of them: leave this page open until they are saved.";
  return kept
    ? "They are kept in this browser and will be sent as soon as the server is reached. A private window forgets them when it is closed."
    : "They are being written to this browser’s storage…";
}

function blockedStatus({ unsaved, keeps, taken }, safe) {
  if (unsaved) return { state: keeps ? "offline" : "stopped", text: "Can’t send · unsaved changes", title: safe };
  return { state: "offline", text: taken ? "Can’t send" : "Read only", title: "WebSockets are blocked on the way to the server." };
}

/**
 * What to show for a status of `LiveDocument`.
 * @param {{connection: string, unsaved: number, atRisk: boolean, kept: boolean, keeps: boolean, sentence: string|null}} status
 * @param {boolean} writable
 * @param {boolean} again whether it was connected before: then it is offline until it is again
 * @returns {{state: string, text: string, title: string}}
 */
export function describe(status, writable, again = false) {
  const { connection, unsaved, atRisk, keeps, blocked, sentence } = status;
  const safe = whetherSafe(status);
  if (connection === "refused") {
    const text = unsaved ? "Not connected · unsaved changes" : "Not connected";
    return { state: "stopped", text, title: sentence ?? "" };
  }
  if (blocked && connection !== "connected") return blockedStatus(status, safe);
  if (connection !== "connected" && unsaved) {
    return { state: keeps ? "offline" : "stopped", text: "Offline · unsaved changes", title: safe };
  }
  if (connection === "offline" || (connection === "connecting" && again)) {
    return { state: "offline", text: "Offline", title: sentence ?? "Everything is saved. Connecting again…" };
  }
  if (connection === "connecting") return { state: "connecting", text: "Connecting…", title: "" };
  if (unsaved && atRisk) {
    return { state: keeps ? "late" : "stopped", text: "Not saved yet", title: safe };
  }
  if (unsaved) return { state: "saving", text: "Saving…", title: "" };
  if (!writable) {
    const title = "You may read this document but not change it.";
    return { state: "saved", text: "Read only", title };
  }
  return { state: "saved", text: "Saved", title: "Every edit is saved on the server." };
}

/** Draws the status, and tells a screen reader when it matters. */
export class StatusLine {
  #line;
  #announcer;
  #timer = null;
  #shown = null;
  #again = false;

  /**
   * @param {HTMLElement} line
   * @param {HTMLElement} announcer a live region
   * @param {() => void} retry connects now, when the writer does not want to wait
   */
  constructor(line, announcer, retry) {
    this.#line = line;
    line.querySelector(".status-retry").addEventListener("click", retry);
    this.#announcer = announcer;
  }

  show(status, writable) {
    this.#again ||= status.connection === "connected";
    const next = describe(status, writable, this.#again);
    this.#line.dataset.unsaved = status.unsaved; // exact at every moment, unlike the words
    clearTimeout(this.#timer);
    // An edit that is saved at once shall not make the line flicker at every key.
    if (next.state === "saving" && this.#shown?.state === "saved") {
      this.#timer = setTimeout(() => this.#draw(next), UNREMARKABLE);
    } else {
      this.#draw(next);
    }
  }

  #draw(next) {
    const before = this.#shown;
    this.#shown = next;
    this.#line.dataset.state = next.state;
    this.#line.querySelector(".status-text").textContent = next.text;
    this.#line.title = next.title;
    this.#line.querySelector(".status-retry").hidden = next.state !== "offline";
    if (before && before.state !== next.state) this.#announce(before.state, next);
  }

  #announce(before, { state, text, title }) {
    const worrying = ["offline", "late", "stopped"];
    if (worrying.includes(state)) {
      this.#announcer.textContent = `${text}. ${title}`;
    } else if (worrying.includes(before) && state === "saved") {
      this.#announcer.textContent = "Connected. Everything is saved.";
    }
  }
}
