/** The page of one document: puts the engine, the editor and the plugins together. */

import { blockedBanner, refusalBanner, rescueBanners } from "../ui/banners.js";
import { addCommand, reserve } from "../ui/commands.js";
import { LiveDocument } from "../engine/document.js";
import { TextEditor } from "../editor/codemirror.js";
import { keepIcons } from "../ui/elements.js";
import { identityCard } from "../ui/identity.js";
import { notify } from "../ui/notices.js";
import { Palette } from "../ui/palette.js";
import { startPlugins } from "../plugins/host.js";
import { StatusLine } from "../ui/status.js";
import { Title } from "../ui/title.js";
import { watchUncaught } from "./uncaught.js";

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("collab-config").textContent);
const nonce = document.querySelector("script[nonce]")?.nonce ?? "";

keepIcons();
const sheet = byId("editor");
const editor = new TextEditor(sheet, { nonce });
reserve(editor.shortcuts, "the text editor");
const live = new LiveDocument({ config, editor });
const title = new Title(byId("title"), `${config.api}/documents/${encodeURIComponent(config.document.id)}`);
const statusLine = new StatusLine(byId("status"), byId("announcer"), () => live.retry());
const refusal = refusalBanner(byId("banners"));
const blocked = blockedBanner(byId("banners"));
const rescue = rescueBanners(byId("banners"), live);
const plugins = startPlugins({ live, editor, plugins: config.plugins, config });
const identity = identityCard({
  button: byId("me"),
  card: byId("me-card"),
  path: `${config.api}/me`,
  user: config.user,
  onChange: (user) => live.setUser(user),
});

const writable = () => live.permissions.includes("write");
const showStatus = () => statusLine.show(live.status, writable());

editor.onChange = (delta, how) => plugins.changed(delta, how);
editor.onEdit = (delta) => {
  live.edit(delta);
  plugins.settled();
};
editor.onMissed = (error) => live.missed(error);
watchUncaught((error) => live.suspect(error));
editor.onSelection = () => plugins.selection();
editor.onScroll = () => plugins.scrolled();

live.addEventListener("status", ({ detail }) => {
  showStatus();
  refusal.show(detail);
  blocked.show(detail);
});
live.addEventListener("session", () => {
  title.writable = writable();
  showStatus();
});
live.addEventListener("reading", () => sheet.removeAttribute("aria-busy"));
live.addEventListener("user", ({ detail }) => identity.show(detail));
live.addEventListener("document", ({ detail }) => title.show(detail.title));
live.addEventListener("rescue", ({ detail }) => rescue.add(detail));
live.addEventListener("notice", ({ detail }) => notify(detail.message, { kind: detail.kind ?? "warning" }));
live.addEventListener(
  "ready",
  () => {
    sheet.removeAttribute("aria-busy");
    if (writable() && document.activeElement === document.body) editor.focus();
  },
  { once: true },
);

new Palette(byId("palette"));
addCommand({ name: "undo", title: "Undo", run: () => editor.undo() });
addCommand({ name: "redo", title: "Redo", run: () => editor.redo() });
addCommand({ name: "find", title: "Find and replace", run: () => editor.find() });
addCommand({ name: "title", title: "Rename this document", run: () => title.edit() });
addCommand({ name: "me", title: "Change your name or colour", run: () => byId("me-card").showPopover() });

let bannersHeight = 0;
new ResizeObserver(([{ contentRect }]) => {
  editor.pushedDown(contentRect.height - bannersHeight);
  bannersHeight = contentRect.height;
}).observe(byId("banners"));

// Work that this browser could not even keep is worth a question before it is gone.
addEventListener("beforeunload", (event) => {
  if (live.status.unsaved && !live.status.keeps) event.preventDefault();
});

live.open();
