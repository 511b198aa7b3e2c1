/** Everybody's caret and selection. The server moves them with the text, and so does the page. */

/** Milliseconds between two messages about one's own caret. */
const PAUSE = 80;

const same = (a, b) => a.revision === b?.revision && a.anchor === b.anchor && a.head === b.head;

export default function activate(collab, { setTimeout, clearTimeout } = globalThis) {
  let told = null;
  let timer = null;

  function tell() {
    timer = null;
    // Null while an edit is on its way: this is called again once it has arrived.
    const caret = collab.editor.selectionForServer();
    if (!caret || same(caret, told)) return;
    told = caret;
    collab.send(caret);
    timer = setTimeout(tell, PAUSE);
  }

  collab.onDispose(() => clearTimeout(timer));
  collab.editor.onSelection(() => {
    if (timer === null) tell();
  });
  collab.onConnection((status) => {
    // The server knows nothing of a new connection's caret.
    told = null;
    if (status !== "connected") collab.editor.clearCarets();
    else if (timer === null) tell();
  });

  function show(cursors, revision) {
    const others = cursors.filter(({ session }) => session !== collab.session);
    collab.editor.setCarets(
      others.map(({ session, client, user, anchor, head }) => ({
        key: session, client, name: user.name, color: user.color, anchor, head,
      })),
      revision,
    );
  }

  collab.onMessage((message) => {
    switch (message.kind) {
      case "cursors": // all there are
        collab.editor.clearCarets();
        show(message.cursors, message.revision);
        break;
      case "moved": // some of them
        show(message.cursors, message.revision);
        break;
      case "gone":
        collab.editor.removeCaret(message.session);
        break;
    }
  });
}
