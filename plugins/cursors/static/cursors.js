/** Everybody's caret and selection. The server moves them with the text, and so does the page. */

import { Follow } from "./follow.js";
import { People } from "./people.js";

/** Milliseconds between two messages about one's own caret. */
const PAUSE = 80;

/** People for whom there are commands at most. */
const MOST_OFFERED = 50;

const same = (a, b) => a.revision === b?.revision && a.anchor === b.anchor && a.head === b.head;

export default function activate(collab, { setTimeout, clearTimeout } = globalThis) {
  const { editor } = collab;
  let told = null;
  let timer = null;

  // One's own caret.

  function tell() {
    timer = null;
    // Null while an edit is on its way: this is called again once it has arrived.
    const caret = editor.selectionForServer();
    if (!caret || same(caret, told)) return;
    told = caret;
    collab.send(caret);
    timer = setTimeout(tell, PAUSE);
  }

  editor.onSelection(() => {
    if (timer === null) tell();
  });

  // Everybody else's.

  const people = new People();
  const follow = new Follow(collab, people, share, { setTimeout, clearTimeout });

  function show(cursors, revision) {
    const others = cursors.filter(({ session }) => session !== collab.session);
    for (const { session, user } of others) people.moved(session, user);
    editor.setCarets(
      others.map(({ session, client, user, anchor, head }) => ({
        key: session, client, name: collab.ui.nameOf(user), color: user.color, anchor, head,
        onClick: () => follow.goTo(user.id),
      })),
      revision,
    );
  }

  function remove(session) {
    people.gone(session);
    editor.removeCaret(session);
  }

  // Going there and following: by the name in the text, by command, and for other plugins.

  let shared = null;
  function share() {
    const before = shared;
    const following = follow.following?.id ?? null;
    shared = collab.share("cursors", {
      goTo: (user) => follow.goTo(user),
      follow: (user) => follow.follow(user),
      following,
    });
    before?.remove();
  }
  share();

  let commands = [];
  let offered = "";
  function offerCommands() {
    const users = people.users.filter(({ id }) => id !== collab.user?.id).slice(0, MOST_OFFERED);
    const now = JSON.stringify(users.map(({ id, name }) => [id, name]));
    if (now === offered) return;
    offered = now;
    for (const command of commands) command.remove();
    commands = users.flatMap((user) => {
      const { id } = user;
      const name = collab.ui.nameOf(user);
      return [
        collab.ui.addCommand({ name: `go to ${id}`, title: `Go to ${name}`, run: () => follow.goTo(id) }),
        collab.ui.addCommand({ name: `follow ${id}`, title: `Follow ${name}`, run: () => follow.follow(id) }),
      ];
    });
  }

  // The server half and the page.

  collab.onMessage((message) => {
    switch (message.kind) {
      case "cursors": // all there are
        for (const session of people.sessions) remove(session);
        show(message.cursors, message.revision);
        break;
      case "moved": // some of them
        show(message.cursors, message.revision);
        break;
      case "gone":
        remove(message.session);
        break;
      default:
        return;
    }
    follow.keepUp();
    offerCommands();
  });
  collab.onConnection((status) => {
    // The server knows nothing of a new connection's caret.
    told = null;
    if (status !== "connected") editor.clearCarets();
    else if (timer === null) tell();
  });
  editor.onChange(({ local }) => {
    if (local) follow.follow(null);
    else follow.keepUp();
  });
  editor.onScroll(() => follow.follow(null));
  collab.onDispose(() => {
    clearTimeout(timer);
    follow.end();
  });
}
