/** Who is here: round pictures in the page's header. */

import { Idle } from "./idle.js";
import { arrange, describe, summary } from "./people.js";

export default function activate(collab) {
  const row = document.createElement("ul");
  row.className = "presence";
  collab.ui.addToHeader(row);

  function picture(person) {
    const item = document.createElement("li");
    item.className = "presence-person";
    item.dataset.user = person.id;
    item.toggleAttribute("data-idle", person.idle);
    item.textContent = collab.ui.initials(person.name);
    item.title = describe(person);
    collab.ui.paint(item, person.color);
    return item;
  }

  function rest(people) {
    const item = document.createElement("li");
    item.className = "presence-person presence-more";
    item.textContent = `+${people.length}`;
    item.title = people.map(describe).join("\n");
    return item;
  }

  function show(people) {
    const { shown, more } = arrange(people, collab.user?.id);
    row.replaceChildren(...shown.map(picture), ...(more.length ? [rest(more)] : []));
    row.setAttribute("aria-label", summary([...shown, ...more]));
  }

  const idle = new Idle(window, (is) => collab.send({ idle: is }));
  collab.onDispose(() => idle.stop());

  collab.onMessage(({ kind, people, idle_after: after }) => {
    if (kind !== "people") return;
    idle.after(after);
    show(people);
  });
  collab.onConnection((status) => {
    // Who is here can't be known without the server; and to it, we are somebody new.
    if (status !== "connected") show([]);
    else if (idle.idle) collab.send({ idle: true });
  });
}
