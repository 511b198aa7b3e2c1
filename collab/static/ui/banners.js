/** What a writer must not miss, above the text: rescue copies, and why the document is closed to them. */

import { element } from "./elements.js";

/**
 * Shows each rescue copy as a banner: what happened, the text, a way to copy and to discard it.
 * @param {HTMLElement} place
 * @param {{rescues(): Promise<Array<import("../engine/unsent.js").Rescue>>, discardRescue(id: string): void}} live
 * @returns {{add(rescue: object): void}} to show one that was kept just now
 */
export function rescueBanners(place, live) {
  const shown = new Map();

  function banner(rescue) {
    const text = element("pre", { tabindex: "0", hidden: true }, rescue.text);
    const button = (label) => element("button", { type: "button", class: "button button-small" }, label);
    const look = button("Show it");
    look.setAttribute("aria-expanded", "false");
    look.addEventListener("click", () => {
      text.hidden = !text.hidden;
      look.textContent = text.hidden ? "Show it" : "Hide it";
      look.setAttribute("aria-expanded", String(!text.hidden));
    });
    const copy = button("Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(rescue.text);
        copy.textContent = "Copied";
      } catch {
        // Without the clipboard (plain HTTP, a refusal) the text is selected for the keyboard.
        text.hidden = false;
        getSelection().selectAllChildren(text);
        copy.textContent = "Selected: copy it with the keyboard";
      }
    });
    const drop = button("Discard");
    let sure = false;
    drop.addEventListener("click", () => {
      if (sure) discard(rescue);
      sure = true;
      drop.textContent = "Discard for good";
    });
    const what = rescue.whole
      ? "The text as you had it was kept."
      : "Some of your writing could not be saved.";
    const where =
      rescue.kept === false ? "Copy it now: this browser can’t keep it." : "A copy is kept here.";
    return element(
      "section",
      { class: "banner", "data-kind": "bad", role: "alert", "data-rescue": rescue.id },
      element("p", {}, element("strong", {}, what), ` ${rescue.sentence ?? ""} ${where}`),
      element("div", { class: "banner-buttons" }, look, copy, drop),
      text,
    );
  }

  function add(rescue) {
    if (shown.has(rescue.id)) return;
    shown.set(rescue.id, banner(rescue));
    place.append(shown.get(rescue.id));
  }

  function discard(rescue) {
    live.discardRescue(rescue.id);
    shown.get(rescue.id).remove();
    shown.delete(rescue.id);
  }

  live.rescues().then((rescues) => rescues.forEach(add));
  return { add };
}

/**
 * Says why the server will not let this page on, until it does.
 * @param {HTMLElement} place
 * @returns {{show(status: {connection: string, sentence: string|null}): void}}
 */
export function refusalBanner(place) {
  let banner = null;

  return {
    show({ connection, sentence }) {
      banner?.remove();
      banner = null;
      if (connection !== "refused") return;
      const reload = element("button", { type: "button", class: "button button-small" }, "Reload the page");
      reload.addEventListener("click", () => location.reload());
      banner = element(
        "section",
        { class: "banner", "data-kind": "bad", role: "alert", "data-refused": true },
        element(
          "p", {}, element("strong", {}, `${sentence ?? "The server does not let this page on."} `),
          "What you see can still be selected and copied.",
        ),
        element("div", { class: "banner-buttons" }, reload),
      );
      place.prepend(banner);
    },
  };
}
