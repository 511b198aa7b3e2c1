/** What this browser keeps, of all documents: rescue copies, and what could not be sent yet. */

import { openDialog } from "../ui/dialogs.js";
import { element } from "../ui/elements.js";
import { keptText, smallButton } from "../ui/kept.js";
import { notify } from "../ui/notices.js";
import { ago } from "../ui/words.js";
import { composeAll, insertedText } from "../engine/ot.js";
import { deliverer, onChange } from "./unsent-work.js";

const BASE = document.documentElement.dataset.base ?? "";
const list = document.getElementById("kept");
const delivering = await deliverer();
const { unsent } = delivering;

const typed = ({ inflight, buffer }) => insertedText(composeAll(buffer ? [inflight, buffer] : [inflight]));

/** @returns {Promise<Array<object>>} the newest first */
async function entries() {
  const rescues = (await unsent.rescues()).map((rescue) => ({
    key: rescue.id,
    document: rescue.document,
    title: rescue.title,
    saved: rescue.saved,
    text: rescue.text,
    what: rescue.whole ? "The whole text, as you had it." : "What you typed last.",
    why: rescue.sentence,
    remove: () => unsent.discardRescue(rescue.document, rescue.id).then(() => true),
  }));
  const waiting = (await unsent.records()).map(({ document, identity, client, saved }) => ({
    key: identity.client,
    document: document.id,
    title: document.title,
    saved,
    text: typed(client),
    what: "Not sent yet.",
    why: "It is sent as soon as the server can be reached, from any page of Collab in this browser.",
    remove: () => delivering.ifLeft(identity.client, () => unsent.remove(document.id, identity.client)),
  }));
  return [...rescues, ...waiting].sort((a, b) => b.saved - a.saved);
}

function item(entry) {
  const { text, buttons } = keptText(entry);
  const title = entry.title || "Untitled";
  const address = `${BASE}/d/${encodeURIComponent(entry.document)}`;
  const drop = smallButton("Delete", () => confirm(entry, title));
  const then = new Date(entry.saved * 1000);
  return element(
    "li",
    { class: "kept", "data-kept": entry.key },
    element("h2", {}, element("a", { href: address, dir: "auto" }, title)),
    element("p", {}, `${entry.what} ${entry.why} `),
    element("time", { datetime: then.toISOString(), title: then.toLocaleString() }, ago(then)),
    element("div", { class: "banner-buttons" }, ...buttons, drop),
    text,
  );
}

async function confirm(entry, title) {
  let removed = true;
  const { closed } = openDialog({
    title: `Delete the text kept of “${title}”?`,
    body: "It is in this browser and nowhere else. This can’t be undone.",
    actions: [
      { label: "Keep it" },
      { label: "Delete", kind: "danger", onClick: async () => void (removed = await entry.remove()) },
    ],
  });
  if ((await closed) !== "Delete") return;
  if (!removed) notify("A tab of this browser has it open: it is about to send it.", { kind: "warning" });
  show();
}

async function show() {
  const found = await entries();
  const open = new Set([...list.querySelectorAll("pre:not([hidden])")].map((text) => text.parentElement.dataset.kept));
  list.replaceChildren(...found.map(item));
  for (const key of open) list.querySelector(`[data-kept="${CSS.escape(key)}"] button`)?.click();
  document.getElementById("empty").hidden = found.length > 0;
  list.removeAttribute("aria-busy");
}

onChange(show);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && show());
show();
