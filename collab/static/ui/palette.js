/** The list of commands: typed into, chosen from with arrows or pointer. */

import { find, PALETTE, pressed } from "./commands.js";
import { element } from "./elements.js";
import { matches, shown } from "./shortcuts.js";

/** Opens at Mod-Shift-P and at `button`; every shortcut works from here on. */
export class Palette {
  #dialog;
  #field;
  #list;
  #none;
  #found = [];
  #chosen = 0;

  /** @param {HTMLButtonElement} button */
  constructor(button) {
    this.#list = element("ul", { id: "palette-list", class: "palette-list", role: "listbox", "aria-label": "Commands" });
    this.#none = element("p", { class: "palette-none", role: "status" });
    this.#field = element("input", {
      type: "text", class: "palette-field", placeholder: "What would you like to do?", "aria-label": "Command",
      role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
      autocomplete: "off", spellcheck: "false",
      oninput: () => this.#draw(),
      onkeydown: (event) => this.#key(event),
    });
    this.#dialog = element("dialog", { class: "palette", "aria-label": "Commands" }, this.#field, this.#list, this.#none);
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    document.body.append(this.#dialog);
    button.title = `Commands (${shown(PALETTE)})`;
    button.addEventListener("click", () => this.open());
    addEventListener("keydown", (event) => {
      if (matches(PALETTE, event)) {
        event.preventDefault();
        this.open();
      } else if (!document.querySelector("dialog:modal")) {
        pressed(event);
      }
    });
  }

  open() {
    if (this.#dialog.open) return;
    this.#field.value = "";
    this.#dialog.showModal();
    this.#draw();
    this.#field.focus();
  }

  #draw() {
    this.#found = find(this.#field.value);
    this.#list.replaceChildren(
      ...this.#found.map((command, index) =>
        element(
          "li",
          { role: "option", id: `palette-${index}`, onmousemove: () => this.#choose(index), onclick: () => this.#run(command) },
          element("span", {}, command.title),
          ...(command.keys ? [element("kbd", {}, command.keys)] : []),
          ...(command.taken ? [element("small", { class: "palette-taken" }, command.taken)] : []),
        ),
      ),
    );
    this.#none.textContent = this.#found.length ? "" : "There is no such command.";
    this.#choose(0);
  }

  #choose(index) {
    this.#chosen = index;
    [...this.#list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    const item = this.#list.children[index];
    if (item) this.#field.setAttribute("aria-activedescendant", item.id);
    else this.#field.removeAttribute("aria-activedescendant");
    item?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const count = this.#found.length;
    if (step && count) this.#choose((this.#chosen + step + count) % count);
    else if (event.key === "Enter" && count) this.#run(this.#found[this.#chosen]);
    else return;
    event.preventDefault();
  }

  #run({ run }) {
    // The focus goes back to where it was: a command may be about what is selected there.
    this.#dialog.close();
    run();
  }
}
