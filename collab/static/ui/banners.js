/** What a writer must not miss, above the text: rescue copies, and why the document is closed to them. */

import { element } from "./elements.js";
import { keptText, smallButton } from "./kept.js";

const BASE = globalThis.document?.documentElement.dataset.base ?? "";

/** Behind these, reloading the page leads nowhere. */
const CLOSED = new Set(["deleted", "forbidden", "no_document"]);

/**
 * Shows each rescue copy as a banner: what happened, the text, a way to copy and to discard it.
 * @param {HTMLElement} place
 * @param {{rescues(): Promise<Array<import("../engine/unsent.js").Rescue>>, discardRescue(id: string): void}} live
 * @returns {{add(rescue: object): void}} to show one that was kept just now
 */
export function rescueBanners(place, live) {
  const shown = new Map();

  function banner(rescue) {
    const { text, buttons } = keptText(rescue);
    let sure = false;
    const drop = smallButton("Discard", () => {
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
      element("div", { class: "banner-buttons" }, ...buttons, drop),
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
 * @returns {{show(status: {connection: string, code: string|null, sentence: string|null}): void}}
 */
export function refusalBanner(place) {
  let banner = null;

  return {
    show({ connection, code, sentence }) {
      banner?.remove();
      banner = null;
      if (connection !== "refused") return;
      const next = CLOSED.has(code)
        ? element("a", { class: "button button-small", href: `${BASE}/` }, "All documents")
        : smallButton("Reload the page", () => location.reload());
      banner = element(
        "section",
        { class: "banner", "data-kind": "bad", role: "alert", "data-refused": true },
        element(
          "p", {}, element("strong", {}, `${sentence ?? "The server does not let this page on."} `),
          "What you see can still be selected and copied.",
        ),
        element("div", { class: "banner-buttons" }, next),
      );
      place.prepend(banner);
    },
  };
}

/**
 * Says what is wrong, and for whom, when the server is there but no WebSocket gets through to it.
 * @param {HTMLElement} place
 * @returns {{show(status: {blocked: boolean, connection: string, taken: boolean}): void}}
 */
export function blockedBanner(place) {
  let banner = null;
  let told = null;

  return {
    show({ blocked, connection, taken }) {
      const next = blocked && connection !== "refused" ? (taken ? "writing" : "reading") : null;
      if (next === told) return;
      told = next;
      banner?.remove();
      if (!told) return;
      const means = taken
        ? "What you write can’t be sent."
        : "You can read this document, but not write in it.";
      banner = element(
        "section",
        { class: "banner", role: "alert", "data-blocked": true },
        element(
          "p", {},
          element("strong", {}, "This network, or the proxy in front of the server, blocks WebSockets. "),
          `${means} Try another network, or tell whoever runs this server. This page keeps trying.`,
        ),
        element(
          "details", {}, element("summary", {}, "For the operator"),
          element(
            "p", {}, "The proxy has to pass the WebSocket handshake of ", element("code", {}, "/api/documents/…/socket"),
            " on, over HTTP/1.1, with the headers ", element("code", {}, "Upgrade"), ", ", element("code", {}, "Connection"),
            " and ", element("code", {}, "Host"), " as the browser sent them, and it may not close a connection that is silent for 20 seconds. ",
            "Collab’s README has configurations for nginx, HAProxy, Apache and Caddy, in “Behind a reverse proxy”.",
          ),
        ),
      );
      place.prepend(banner);
    },
  };
}
