/** What a plugin's browser half is given: `activate(collab)`. Described in docs/plugins-browser.md. */

import { initials, paint } from "../ui/colors.js";
import { addCommand } from "../ui/commands.js";
import { openDialog } from "../ui/dialogs.js";
import { request } from "../ui/http.js";
import { notify } from "../ui/notices.js";
import { isGuest, nameOf, person } from "../ui/people.js";
import { showDestination, written } from "../ui/written.js";
import { addPanel } from "../ui/panels.js";
import { PluginCarets } from "./carets.js";
import { PluginMarks } from "./marks.js";
import { Preferences } from "./preferences.js";
import { addToolbarButton } from "../ui/toolbar.js";
import { addOverlay, addStatus, addToHeader } from "../ui/places.js";

/**
 * @param {import("./running.js").Running} running
 * @param {object} page what all plugins share
 * @param {import("../engine/document.js").LiveDocument} page.live
 * @param {import("../editor/codemirror.js").TextEditor} page.editor
 * @param {import("./tracking.js").Tracked} page.tracked
 * @param {import("./sharing.js").Sharing} page.sharing
 * @param {import("./changes.js").Changes} page.changes
 * @param {{basePath: string, api: string}} page.config
 */
export function makeApi(running, page) {
  const { live, sharing, config } = page;
  const { name } = running;
  const home = `${config.basePath}/plugins/${name}/`;
  function url(path) {
    const wanted = String(path).replace(/^\/+/, "");
    // Its files come from where its script does, which is another place once it was loaded anew.
    const { folder } = running.files;
    return folder && wanted.startsWith("static/") ? folder + wanted.slice("static".length) : home + wanted;
  }
  return Object.freeze({
    name,
    get document() { return live.document; },
    get session() { return live.session; },
    get client() { return live.client; },
    get user() { return live.user; },
    get permissions() { return live.permissions; },
    send: (data) => !running.disposed && live.sendMessage(name, data),
    onMessage: (listener) => running.onMessage(listener),
    onConnection: (listener) => running.onConnection(listener, live.status),
    onUser: (listener) => running.listen("user", listener),
    onDocument: (listener) => running.listen("document", listener),
    onDispose: (listener) => running.onDispose(listener),
    api: config.api,
    url,
    fetch: (path, options) => request(url(path), options),
    share: (what, value) => running.own(sharing.share(name, String(what), value)),
    use: (what, listener) => running.own(sharing.use(String(what), running.wrap("what uses it", listener))),
    editor: editorApi(running, page),
    ui: uiApi(running),
    preferences: preferencesApi(running, page),
  });
}

function editorApi(running, page) {
  const { live, editor, tracked, changes } = page;
  const carets = new PluginCarets(running.name, page);
  const marks = new PluginMarks(page);
  running.listen("revision", () => carets.draw());
  running.listen("revision", () => marks.draw());
  running.onDispose(() => carets.drop(() => true));
  const guarded = (list) =>
    Array.from(list, (one) => (one.onClick ? { ...one, onClick: running.wrap("onClick", one.onClick) } : one));
  return Object.freeze({
    get selection() { return editor.selection; },
    get length() { return editor.length; },
    get readOnly() { return editor.readOnly; },
    text: () => editor.text(),
    edit: (edits) => !running.disposed && changes.made(() => editor.edit(edits)),
    lineAt: (position) => editor.lineAt(position),
    replace: (from, to, insert) => !running.disposed && changes.made(() => editor.replace(from, to, insert)),
    select: (anchor, head, how) => editor.select(anchor, head, how),
    scrollTo: (position) => editor.scrollTo(position),
    focus: () => editor.focus(),
    coordinates: (position) => editor.coordinates(position),
    onChange: (listener) => running.listen("change", listener),
    onSelection: (listener) => running.listen("selection", listener),
    onScroll: (listener) => running.listen("scroll", listener),
    selectionForServer: () => live.selectionForServer(editor.selection),
    toServer(position) {
      const found = live.selectionForServer({ anchor: position, head: position });
      return found && { revision: found.revision, position };
    },
    fromServer: (revision, position, { client } = {}) => live.toLocal(revision, position, client),
    track: (position, how) => running.own(tracked.add(position, how)),
    decorate(list, revision) {
      const { update, remove } = marks.add(guarded(list), revision);
      return running.own({ update: (next, of) => update(guarded(next), of), remove });
    },
    setCarets: (list, revision) => !running.disposed && carets.set(guarded(list), revision),
    caret: (key) => carets.at(key),
    showCaret: (key) => carets.show(key),
    removeCaret: (key) => carets.drop((other) => other === String(key)),
    clearCarets: () => carets.drop(() => true),
  });
}

function uiApi(running) {
  const own = (thing) => running.own(thing);
  const plugin = running.name;
  return Object.freeze({
    addStatus: (text) => own(addStatus(text, plugin)),
    addToHeader: (added) => own(addToHeader(added, plugin)),
    addOverlay: (added) => own(addOverlay(added, plugin)),
    addPanel(how) {
      const panel = own(addPanel({ ...how, plugin }));
      const told = (listen) => (listener) => listen(running.wrap("a panel’s listener", listener));
      return Object.create(panel, {
        onShow: { value: told(panel.onShow) },
        onHide: { value: told(panel.onHide) },
      });
    },
    addToolbarButton({ choices, onClick, ...how }) {
      if (!choices) return own(addToolbarButton({ ...how, plugin, onClick: running.wrap("onClick", onClick) }));
      const offered = () =>
        Array.from(typeof choices === "function" ? choices() : choices, (one) => ({
          ...one, run: running.wrap("run", one.run),
        }));
      return own(addToolbarButton({ ...how, plugin, choices: running.wrap("choices", offered) }));
    },
    addCommand: (how) => own(addCommand({ ...how, plugin, run: running.wrap("run", how.run) })),
    openDialog(how) {
      const actions = how.actions?.map((action) =>
        action.onClick ? { ...action, onClick: running.wrap("onClick", action.onClick) } : action,
      );
      const dialog = own(openDialog({ ...how, actions }));
      dialog.closed.then(() => dialog.remove());
      return dialog;
    },
    notify(text, how) {
      let mine = null;
      mine = own(notify(String(text), { ...how, onGone: () => mine?.remove() }));
      return mine;
    },
    paint,
    initials,
    isGuest,
    nameOf,
    person,
    written,
    showDestination,
  });
}

function preferencesApi(running, { live, config }) {
  const preferences = new Preferences(config.basePath, () => live.user?.id, running.name);
  running.onDispose(() => preferences.close());
  return Object.freeze({
    get: (key, otherwise) => preferences.get(key, otherwise),
    set: (key, value) => preferences.set(key, value),
    onChange: (listener) => preferences.onChange(running.wrap("a listener for preferences", listener)),
  });
}
