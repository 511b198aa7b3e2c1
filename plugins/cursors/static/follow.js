/** Going to where somebody writes, and staying with them. */

/** Milliseconds for which it is offered to follow whom one went to. */
const OFFERED = 8_000;

export class Follow {
  #collab;
  #clock;
  #carets;
  #changed;
  #pill = null;
  #timer = null;

  /** Whom we follow: a user, or null. */
  following = null;

  /**
   * @param {object} collab
   * @param {{sessionOf(user: string): string | null, userOf(user: string): object | null}} carets
   *   the session whose caret a user moved last, and what is known of the user
   * @param {() => void} changed called when somebody else is followed, or nobody
   */
  constructor(collab, carets, changed, clock) {
    this.#collab = collab;
    this.#carets = carets;
    this.#changed = changed;
    this.#clock = clock;
  }

  /** Scrolls to somebody's caret, and offers to follow. */
  goTo(id) {
    const session = this.#carets.sessionOf(id);
    if (session === null || !this.#collab.editor.showCaret(session)) {
      this.#collab.ui.notify("There is no caret of theirs in the text just now.");
      return;
    }
    if (this.following?.id !== id) this.#offer(this.#carets.userOf(id));
  }

  /** Keeps somebody's caret in sight until one types or scrolls; null ends it. */
  follow(id) {
    const user = id === null ? null : this.#carets.userOf(id);
    if (user?.id === this.following?.id) return;
    this.following = user;
    if (user) this.#showFollowing(user);
    else this.#hide();
    this.#changed();
    this.keepUp();
  }

  /** Carets moved, came, or went. */
  keepUp() {
    if (!this.following) return;
    const user = this.#carets.userOf(this.following.id);
    const caret = user && this.#collab.editor.caret(this.#carets.sessionOf(user.id));
    if (!user) this.follow(null);
    else if (caret) this.#collab.editor.scrollTo(caret.head);
  }

  end() {
    const { clearTimeout } = this.#clock;
    clearTimeout(this.#timer);
  }

  #offer(user) {
    const follow = this.#button("Follow", () => this.follow(user.id));
    this.#show(user, [this.#collab.ui.person(user), " is here"], follow, false);
    const { setTimeout } = this.#clock;
    this.#timer = setTimeout(() => {
      // Not under somebody's hands.
      if (this.#pill && !this.#pill.matches(":hover, :focus-within")) this.#hide();
    }, OFFERED);
  }

  #showFollowing(user) {
    this.#show(user, ["Following ", this.#collab.ui.person(user)], this.#button("Stop", () => this.follow(null)), true);
  }

  #button(label, onclick) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", onclick);
    return button;
  }

  #show(user, words, button, following) {
    this.#hide();
    const pill = document.createElement("div");
    pill.className = "cursors-pill";
    pill.setAttribute("role", "status");
    pill.toggleAttribute("data-following", following);
    const text = document.createElement("span");
    text.append(...words);
    pill.append(text, button);
    this.#collab.ui.paint(pill, user.color);
    this.#pill = pill;
    this.#collab.ui.addOverlay(pill);
  }

  #hide() {
    this.end();
    this.#pill?.remove();
    this.#pill = null;
  }
}
