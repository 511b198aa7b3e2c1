/** Whether the work is safe, in plain sight but calm. */

/** Being saved for less than this is not worth a word, in milliseconds. */
const UNREMARKABLE = 400;

/** Words that are to stay for a while: until then the ones before stay, in milliseconds. */
const SETTLED = 300;

const BLOCKED = "WebSockets are blocked on the way to the server.";

/** What becomes of unsaved changes when this page is closed now. */
function whetherSafe({ kept, keeps }) {
  if (!keeps) return "This browser could not keep a copy of them: leave this page open until they are saved.";
  return kept
    ? "They are kept in this browser and will be sent as soon as the server is reached. A private window forgets them when it is closed."
    : "They are being written to this browser’s storage…";
}

/** What it says while nothing gets to the server; `way` is "Offline" or the like. */
function away({ unsaved, kept, keeps, taken, sentence }, way, safe) {
  if (unsaved && !keeps) return { state: "stopped", text: `${way} · unsaved changes, not kept`, title: safe };
  if (unsaved) return { state: "offline", text: `${way} · unsaved changes${kept ? " kept" : ""}`, title: safe, kept };
  const still = taken ? "Everything is saved." : "It can’t be changed until then.";
  return { state: "offline", text: way, title: `${sentence ?? "The server can’t be reached."} ${still} Connecting again…` };
}

/**
 * What to show for a status of `LiveDocument`.
 * @param {{connection: string, unsaved: number, atRisk: boolean, kept: boolean, keeps: boolean,
 *   blocked: boolean, taken: boolean, sentence: string|null}} status
 * @param {boolean} writable
 * @param {boolean} again whether it was connected before: then it is offline until it is again
 * @returns {{state: string, text: string, title: string, kept?: boolean}} kept: it says that
 *   unsaved changes are
 */
export function describe(status, writable, again = false) {
  const { connection, unsaved, atRisk, keeps, blocked, taken, sentence } = status;
  const safe = whetherSafe(status);
  if (connection === "refused") {
    const text = unsaved ? "Not connected · unsaved changes" : "Not connected";
    return { state: "stopped", text, title: sentence ?? "" };
  }
  if (connection !== "connected") {
    if (blocked) return away({ ...status, sentence: BLOCKED }, taken ? "Can’t send" : "Read only", safe);
    if (connection === "offline" || again || unsaved) return away(status, "Offline", safe);
    return { state: "connecting", text: "Connecting…", title: "" };
  }
  if (unsaved && atRisk) {
    return { state: keeps ? "late" : "stopped", text: keeps ? "Not saved yet" : "Not saved yet, not kept", title: safe };
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
    } else if (next.kept && !this.#shown?.kept) {
      // What is typed offline is kept some milliseconds later: that shall not flicker, either.
      this.#timer = setTimeout(() => this.#draw(next), SETTLED);
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
