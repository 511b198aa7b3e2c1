/** The big view: a slider through every revision, who wrote what, and what is different. */

import { changers, differenceView, element, legend, revisionView } from "./view.js";
import { precise, progress } from "./words.js";

/** Milliseconds the slider rests before what it stands on is fetched. */
const REST = 90;

/** Milliseconds until the server is asked again that has more to work out. */
const AGAIN = 800;

export class Overlay {
  #collab;
  #act;
  #timer = null;
  #asked = 0;
  #newest = 0;
  #versions = [];
  #shown = null; // the revision that is on the screen

  /**
   * @param {object} collab
   * @param {{restore(revision: number): void, name(revision: number, name: ?string): void}} act
   */
  constructor(collab, act) {
    this.#collab = collab;
    this.#act = act;
    this.#build();
  }

  #build() {
    const writable = () => this.#collab.permissions?.includes?.("write") ?? true;
    this.slider = element("input", { type: "range", min: "0", step: "1", class: "history-slider", "aria-label": "Revision" });
    this.slider.addEventListener("input", () => this.#moved());
    this.about = element("p", { class: "history-about", role: "status" });
    this.names = element("select", { class: "history-names", "aria-label": "Go to a named version" });
    this.names.addEventListener("change", () => {
      if (this.names.value !== "") this.go(Number(this.names.value));
    });
    this.compare = element("input", { type: "checkbox" });
    this.compare.addEventListener("change", () => this.#look());
    this.base = element("input", { type: "number", min: "0", step: "1", value: "0", class: "history-number", "aria-label": "Compared with revision" });
    this.base.addEventListener("change", () => this.#look());
    this.text = element("div", { class: "history-text", tabindex: "0", role: "document", "aria-label": "Text at this revision", lang: "" });
    this.who = element("ul", { class: "history-legend" });
    this.restoreButton = element("button", { type: "button", class: "button-primary button-small", onclick: () => this.#act.restore(this.revision) }, "Restore this revision");
    this.nameField = element("input", { type: "text", maxlength: "100", class: "history-name", placeholder: "Name of this version", "aria-label": "Name of this version" });
    this.nameForm = element(
      "form",
      {
        class: "history-naming",
        onsubmit: (event) => {
          event.preventDefault();
          this.#act.name(this.revision, this.nameField.value.trim() || null);
        },
      },
      this.nameField,
      element("button", { type: "submit", class: "button button-small" }, "Name it"),
    );
    const step = (by, label, text) =>
      element("button", { type: "button", class: "button button-small", "aria-label": label, title: label, onclick: () => this.go(this.revision + by) }, text);
    this.dialog = element(
      "dialog",
      { class: "history-overlay", "aria-label": "History" },
      element(
        "header",
        { class: "history-head" },
        element("h2", {}, "History"),
        this.names,
        element("button", { type: "button", class: "button button-small", onclick: () => this.close() }, "Close"),
      ),
      element("div", { class: "history-controls" }, step(-1, "One revision back", "‹"), this.slider, step(1, "One revision on", "›")),
      this.about,
      element(
        "div",
        { class: "history-controls history-compare" },
        element("label", {}, this.compare, " Show what is different from revision "),
        this.base,
      ),
      element("div", { class: "history-body" }, this.text, this.who),
      element("footer", { class: "history-foot" }, this.nameForm, this.restoreButton),
    );
    this.dialog.addEventListener("close", () => this.#stop());
    this.writable = writable;
  }

  get revision() {
    return Number(this.slider.value);
  }

  get isOpen() {
    return this.dialog.open;
  }

  /** Opens at a revision, by default the newest. */
  open(newest, revision = newest, compareWith = null) {
    this.grow(newest);
    this.compare.checked = compareWith !== null;
    if (compareWith !== null) this.base.value = String(compareWith);
    if (!this.dialog.isConnected) document.body.append(this.dialog);
    if (!this.dialog.open) this.dialog.showModal();
    this.nameForm.hidden = this.restoreButton.hidden = !this.writable();
    this.#shown = null;
    this.go(revision);
    this.slider.focus();
  }

  close() {
    this.dialog.close();
  }

  remove() {
    this.#stop();
    this.dialog.remove();
  }

  /** There are more revisions now. */
  grow(newest) {
    this.#newest = newest;
    this.slider.max = this.base.max = String(newest);
  }

  /** The named versions, of which there may be others now. */
  setVersions(versions) {
    const others = JSON.stringify(versions) !== JSON.stringify(this.#versions);
    this.#versions = versions;
    this.names.replaceChildren(
      element("option", { value: "" }, versions.length ? "Named versions" : "No named versions"),
      ...[...versions].reverse().map(({ revision, name }) => element("option", { value: revision }, name)),
    );
    this.names.disabled = !versions.length;
    this.#showName();
    if (others && this.isOpen) this.#look(); // what it is called stands above the text
  }

  /** Puts the slider on a revision. */
  go(revision) {
    this.slider.value = String(Math.max(0, Math.min(revision, this.#newest)));
    this.#moved(0);
  }

  #moved(rest = REST) {
    const { revision } = this;
    this.slider.setAttribute("aria-valuetext", this.#label(revision));
    this.about.textContent = this.#label(revision);
    this.restoreButton.disabled = revision === this.#newest;
    this.#showName();
    this.#look(rest);
  }

  #label(revision) {
    const named = this.#versions.find((version) => version.revision === revision);
    return `Revision ${revision} of ${this.#newest}${named ? `: ${named.name}` : ""}`;
  }

  #showName() {
    if (this.nameField === document.activeElement) return;
    this.nameField.value = this.#versions.find((version) => version.revision === this.revision)?.name ?? "";
    this.names.value = this.nameField.value ? String(this.revision) : "";
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#asked++; // what is on its way is not shown any more
  }

  #look(rest = 0) {
    this.#stop();
    this.#timer = setTimeout(() => this.#fetch(), rest);
  }

  async #fetch() {
    const { revision } = this;
    const asked = ++this.#asked;
    const base = this.compare.checked ? Math.min(Number(this.base.value) || 0, this.#newest) : null;
    const about = `api/documents/${this.#collab.document.id}`;
    let answer;
    try {
      answer = await this.#collab.fetch(
        base === null ? `${about}/revisions/${revision}` : `${about}/difference?from=${base}&to=${revision}`,
      );
    } catch (error) {
      if (asked === this.#asked) this.about.textContent = error.message;
      return;
    }
    if (asked !== this.#asked || !this.dialog.open) return;
    if (answer.reached !== undefined) {
      this.about.textContent = progress(answer);
      this.#timer = setTimeout(() => this.#fetch(), AGAIN);
      return;
    }
    if (base === null) this.#showRevision(answer);
    else this.#showDifference(answer);
    this.#shown = revision;
  }

  #showRevision(answer) {
    const { ui } = this.#collab;
    const author = answer.authors.find(({ id }) => id === answer.author);
    const made = author ? `, by ${ui.nameOf(author)}` : "";
    this.about.textContent = `${this.#label(answer.revision)}${made}, ${precise(answer.time)}`;
    const top = this.#shown === null ? 0 : this.text.scrollTop;
    this.text.replaceChildren(revisionView(answer, ui));
    this.text.scrollTop = top;
    this.who.replaceChildren(...legend(answer, ui));
  }

  #showDifference(answer) {
    const { ui } = this.#collab;
    this.about.textContent = `What is different between revisions ${answer.from} and ${answer.to}`;
    this.text.replaceChildren(differenceView(answer, ui));
    this.who.replaceChildren(...changers(answer, ui));
    this.text.querySelector("ins, del, mark")?.scrollIntoView({ block: "center" });
  }
}
