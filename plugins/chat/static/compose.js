/** The field one writes in, with names completed after "@". */

import { candidates, complete, tokenAt } from "./completion.js";
import { element } from "./element.js";

let made = 0;

export class Compose {
  #options;
  #list;
  #field;
  #button;
  #people = [];
  #offered = [];
  #chosen = 0;
  #asked = false;
  #closed = false; // Escape closed the list for this word

  /** @param {{send: (text: string) => void, askPeople: () => void, editLast: () => void, own: () => string, ui: object}} options */
  constructor(options) {
    this.#options = options;
    const id = `chat-names-${++made}`;
    this.#list = element("ul", { id, class: "chat-names", role: "listbox", "aria-label": "People to mention", hidden: true });
    this.#field = element("textarea", {
      rows: 2,
      placeholder: "Write a message",
      "aria-label": "Write a message",
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": id,
      oninput: () => this.#typed(),
      onclick: () => this.#offer(),
      onblur: () => this.#close(),
      onkeydown: (event) => this.#key(event),
    });
    this.#button = element("button", { type: "submit", class: "button-primary button-small", disabled: true }, "Send");
    this.element = element(
      "form",
      { class: "chat-form chat-compose", onsubmit: (event) => { event.preventDefault(); this.#submit(); } },
      this.#list,
      this.#field,
      this.#button,
    );
  }

  focus() {
    this.#field.focus();
  }

  set longest(characters) {
    this.#field.setAttribute("maxlength", characters);
  }

  set writable(writable) {
    this.#field.disabled = !writable;
    this.#field.setAttribute("placeholder", writable ? "Write a message" : "You may read, but not write here");
    this.#look();
  }

  set people(people) {
    this.#people = people;
    this.#offer();
  }

  #look() {
    this.#button.disabled = this.#field.disabled || !this.#field.value.trim();
  }

  #typed() {
    this.#closed = false;
    this.#look();
    this.#offer();
  }

  #submit() {
    const text = this.#field.value;
    if (!text.trim()) return;
    this.#field.value = "";
    this.#look();
    this.#close();
    this.#options.send(text);
  }

  #key(event) {
    if (event.isComposing) return;
    if (this.#offered.length) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) {
        this.#choose((this.#chosen + step + this.#offered.length) % this.#offered.length);
      } else if (event.key === "Enter" || event.key === "Tab") {
        this.#take(this.#offered[this.#chosen]);
      } else if (event.key === "Escape") {
        this.#closed = true;
        this.#close();
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && !this.#field.value) {
      event.preventDefault();
      this.#options.editLast();
    }
  }

  get #token() {
    const { value, selectionStart, selectionEnd } = this.#field;
    return selectionStart === selectionEnd ? tokenAt(value, selectionStart) : null;
  }

  #offer() {
    const token = this.#closed || document.activeElement !== this.#field ? null : this.#token;
    if (!token) {
      this.#asked = false;
      this.#close();
      return;
    }
    if (!this.#asked) {
      this.#asked = true; // once for a word: who is there does not change so fast
      this.#options.askPeople();
    }
    this.#offered = candidates(this.#people, token.query, this.#options.own());
    if (!this.#offered.length) {
      this.#close();
      return;
    }
    this.#list.replaceChildren(
      ...this.#offered.map((person, index) =>
        element(
          "li",
          {
            id: `${this.#list.id}-${index}`,
            role: "option",
            // The field keeps the focus.
            onmousedown: (event) => event.preventDefault(),
            onclick: () => this.#take(person),
          },
          this.#options.ui.person(person),
        ),
      ),
    );
    this.#list.hidden = false;
    this.#field.setAttribute("aria-expanded", "true");
    this.#choose(0);
  }

  #choose(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === index)));
    this.#field.setAttribute("aria-activedescendant", `${this.#list.id}-${index}`);
  }

  #close() {
    this.#offered = [];
    this.#list.hidden = true;
    this.#field.setAttribute("aria-expanded", "false");
    this.#field.removeAttribute("aria-activedescendant");
  }

  #take({ name }) {
    const token = this.#token;
    if (!token) return;
    const { text, caret } = complete(this.#field.value, token, name);
    this.#field.value = text;
    this.#field.setSelectionRange(caret, caret);
    this.#field.focus();
    this.#close();
    this.#look();
  }
}
