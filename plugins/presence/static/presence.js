/** Who is here: round pictures in the page's header. */

import { Idle } from "./idle.js";
import { arrange, describe, FEW, MOST, summary } from "./people.js";

/** Where the header is too narrow for many. */
const NARROW = "(max-width: 44rem)";

export default function activate(collab, { window = globalThis } = {}) {
  const { ui } = collab;
  const narrow = window.matchMedia(NARROW);
  const row = document.createElement("ul");
  row.className = "presence";
  ui.addToHeader(row);

  /** What the plugin `cursors` can do for us, as long as it is on. */
  let cursors = null;
  let people = [];
  const pictures = new Map();

  function picture(person) {
    const item = pictures.get(person.id) ?? newPicture(person.id);
    const round = item.firstChild;
    const others = describe(person);
    const following = cursors?.following === person.id;
    round.textContent = ui.initials(person.name);
    round.toggleAttribute("data-idle", person.idle);
    round.toggleAttribute("data-guest", person.guest);
    round.disabled = !cursors;
    round.title = cursors ? `${others}\n${following ? "Stop following" : "Go to where they write"}` : others;
    round.setAttribute("aria-label", cursors ? `${others}: ${following ? "stop following" : "go to where they write"}` : others);
    round.toggleAttribute("data-following", following);
    ui.paint(round, person.color);
    return item;
  }

  /** One element for as long as somebody is here, so that the keyboard stays on it. */
  function newPicture(id) {
    const item = document.createElement("li");
    const round = document.createElement("button");
    round.type = "button";
    round.className = "presence-person";
    round.dataset.user = id;
    round.addEventListener("click", () => {
      if (cursors?.following === id) cursors.follow(null);
      else cursors?.goTo(id);
    });
    item.append(round);
    pictures.set(id, item);
    return item;
  }

  function rest(more) {
    const item = document.createElement("li");
    const round = document.createElement("button");
    round.type = "button";
    round.className = "presence-person presence-more";
    round.textContent = `+${more.length}`;
    round.title = more.map(describe).join("\n");
    round.setAttribute("aria-label", `${more.length} more: show everybody`);
    round.addEventListener("click", showEverybody);
    item.append(round);
    return item;
  }

  function showEverybody() {
    const list = document.createElement("ul");
    list.className = "presence-list";
    const dialog = ui.openDialog({ title: "Who is here", body: list });
    const { shown, more } = arrange(people, collab.user?.id, Infinity);
    for (const person of [...shown, ...more]) {
      const item = document.createElement("li");
      const dot = document.createElement("span");
      dot.className = "presence-dot";
      ui.paint(dot, person.color);
      const name = document.createElement("span");
      name.className = "presence-name";
      name.textContent = describe(person);
      item.append(dot, name);
      if (cursors) {
        const go = document.createElement("button");
        go.type = "button";
        go.className = "button button-small";
        go.textContent = "Go there";
        go.addEventListener("click", () => {
          dialog.close();
          cursors?.goTo(person.id);
        });
        item.append(go);
      }
      list.append(item);
    }
  }

  function show() {
    const { shown, more } = arrange(people, collab.user?.id, narrow.matches ? FEW : MOST);
    const here = new Set(shown.map(({ id }) => id));
    for (const id of [...pictures.keys()]) if (!here.has(id)) pictures.delete(id);
    const wanted = [...shown.map(picture), ...(more.length ? [rest(more)] : [])];
    for (const child of [...row.children]) if (!wanted.includes(child)) child.remove();
    wanted.forEach((item, index) => {
      if (row.children[index] !== item) row.insertBefore(item, row.children[index] ?? null);
    });
    row.setAttribute("aria-label", summary([...shown, ...more]));
  }

  const idle = new Idle(window, (is) => collab.send({ idle: is }));
  collab.onDispose(() => idle.stop());
  narrow.addEventListener("change", show);
  collab.onDispose(() => narrow.removeEventListener("change", show));

  collab.use("cursors", (offered) => {
    cursors = offered;
    show();
  });
  collab.onMessage(({ kind, people: now, idle_after: after }) => {
    if (kind !== "people") return;
    idle.after(after);
    people = now.map((person) => ({ ...person, guest: ui.isGuest(person) }));
    show();
  });
  collab.onConnection((status) => {
    if (status !== "connected") {
      // Who is here can't be known without the server; and to it, we are somebody new.
      people = [];
      show();
    } else if (idle.idle) {
      collab.send({ idle: true });
    }
  });
}
