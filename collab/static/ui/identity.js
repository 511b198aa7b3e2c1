/** Who one is to the others: name and colour, changed in a small card. */

import { initials, paint, PALETTE, safeColor } from "./colors.js";
import { element } from "./elements.js";
import { request } from "./http.js";

/**
 * @param {object} parts
 * @param {HTMLElement} parts.button
 * @param {HTMLFormElement} parts.card
 * @param {{id: string, name: string, color: string}} parts.user
 * @param {(user: object) => void} parts.onChange
 * @param {string} parts.path of the HTTP API's own-identity resource
 * @returns {{show(user: {id: string, name: string, color: string}): void}}
 */
export function identityCard({ button, card, path, user, onChange }) {
  let current = user;
  const name = card.elements.namedItem("name");
  const problem = card.querySelector(".problem");

  function show(next) {
    current = next;
    button.textContent = initials(next.name);
    button.title = `You are ${next.name}`;
    button.setAttribute("aria-label", `You are ${next.name}. Change your name or colour`);
    paint(button, next.color);
  }

  function fill() {
    problem.hidden = true;
    name.value = current.name;
    const colors = [...new Set([...PALETTE, safeColor(current.color)])];
    card.querySelector(".swatches").replaceChildren(
      ...colors.map((color, index) => {
        const choice = element("input", {
          type: "radio",
          name: "color",
          value: color,
          checked: color === safeColor(current.color),
          "aria-label": `Colour ${index + 1}`,
        });
        const swatch = element("label", { class: "swatch" }, choice, element("span"));
        paint(swatch, color);
        return swatch;
      }),
    );
  }

  card.addEventListener("beforetoggle", (event) => {
    if (event.newState === "open") fill();
  });
  card.addEventListener("toggle", (event) => {
    if (event.newState === "open") name.select();
  });
  card.addEventListener("submit", async (event) => {
    event.preventDefault();
    const color = new FormData(card).get("color");
    try {
      const changed = await request(path, { method: "PUT", body: { name: name.value.trim(), color } });
      onChange(changed);
      card.hidePopover();
      button.focus();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });

  show(user);
  return { show };
}
