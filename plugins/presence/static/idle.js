/** Notices when nobody has touched the page for a while. */

/** What counts as activity. */
const ACTIVITY = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"];

/**
 * Calls `changed(idle)` whenever that changes.
 *
 * @param {{addEventListener: Function, removeEventListener: Function}} target usually `window`
 * @param {(idle: boolean) => void} changed
 * @param {{now: () => number, setTimeout: Function, clearTimeout: Function}} clock milliseconds
 */
export class Idle {
  #last;
  #after = Infinity;
  #timer = null;
  #clock;

  constructor(target, changed, clock = browserClock) {
    this.#clock = clock;
    this.#last = clock.now();
    this.changed = changed;
    this.idle = false;
    const active = () => this.#active();
    // Pointers move a hundred times a second: this must cost nothing.
    for (const event of ACTIVITY) target.addEventListener(event, active, { passive: true, capture: true });
    this.stop = () => {
      this.#clock.clearTimeout(this.#timer);
      for (const event of ACTIVITY) target.removeEventListener(event, active, { capture: true });
    };
  }

  /** Idle begins after so many seconds without activity. */
  after(seconds) {
    if (this.#after === seconds * 1000) return;
    this.#after = seconds * 1000;
    this.#look();
  }

  #active() {
    this.#last = this.#clock.now();
    if (!this.idle) return;
    this.#set(false);
    this.#look();
  }

  /** Looks at the clock, and again when the time could be over. */
  #look() {
    this.#clock.clearTimeout(this.#timer);
    const left = this.#last + this.#after - this.#clock.now();
    if (left <= 0) this.#set(true);
    else if (left < Infinity) this.#timer = this.#clock.setTimeout(() => this.#look(), left);
  }

  #set(idle) {
    if (idle === this.idle) return;
    this.idle = idle;
    this.changed(idle);
  }
}

const browserClock = {
  now: () => performance.now(),
  setTimeout: (...given) => setTimeout(...given),
  clearTimeout: (timer) => clearTimeout(timer),
};
