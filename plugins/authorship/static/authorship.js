/** The text in the colours of its authors, and who they are. */

import { Runs } from "./runs.js";

/** Milliseconds from an edit to new colours; many edits in that time are painted once. */
const SOON = 120;

/** Milliseconds before the server is asked again: it has more to work out, or we have to catch up. */
const AGAIN = 700;

/** Pieces of one colour that are painted at most: more would make typing slow. */
const MOST = 8000;

/** The author of what a document was made with, which is left as it is. */
const BEGINNING = "";

const UNKNOWN = { name: "Not known yet", color: "#6b7280" };

export default function activate(collab, { setTimeout, clearTimeout } = globalThis) {
  const { editor, ui, preferences } = collab;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const ended = new AbortController();

  /** Everything written since the page has the text; null is what was there before. */
  const since = new Runs([[null, editor.text().length]]);
  /** Everybody's runs, once the server has said who wrote what was there before. */
  let all = null;
  const authors = new Map();
  let on = false;
  let painted = null;
  let painting = null;
  let asking = null;
  let fetching = false;
  /**
   * What the server says has to be of this revision at least, to know whose everything is that
   * `since` does not know. Null while not everything typed here has come to the server.
   */
  let floor = null;

  const legend = document.createElement("ul");
  legend.className = "authorship-legend";
  const note = document.createElement("p");
  note.className = "authorship-note";
  note.setAttribute("role", "status");
  const empty = document.createElement("p");
  empty.className = "authorship-note";
  empty.textContent = "Nothing is written yet.";
  empty.hidden = true;
  const panel = ui.addPanel({ title: "Authors", icon: "people" });
  panel.element.append(note, empty, legend);
  panel.onShow(() => on || toggle());

  const button = ui.addToolbarButton({ label: "Author colours", icon: "palette", title: "Show who wrote what, in colours", onClick: () => choose() });
  ui.addCommand({ name: "toggle", title: "Show or hide the authors’ colours", run: () => choose() });

  function choose() {
    toggle();
    // Where the panel has no room beside the text, it would cover the colours.
    if (on && !matchMedia("(max-width: 44rem)").matches) panel.show();
  }

  function toggle(wanted = !on) {
    on = wanted;
    preferences.set("on", on);
    button.setActive(on);
    if (on) {
      if (!all) ask(0);
      paint();
    } else {
      clear();
      panel.hide();
    }
  }

  function clear() {
    painted?.remove();
    painted = null;
    say("");
    empty.hidden = true;
    legend.replaceChildren();
  }

  // What is known.

  editor.onChange(({ delta, local, operations }) => {
    const author = local ? (collab.user?.id ?? null) : only(operations);
    since.apply(delta.ops, author);
    if (all && author !== null) {
      all.apply(delta.ops, author);
      if (!authors.has(author)) ask();
    } else {
      all = null;
      if (author === null) raise(operations);
      ask();
    }
    if (on) paintSoon();
  });

  /** Whose an edit was is not known here: the server has to say. */
  function raise(operations) {
    if (!operations.length) floor = null;
    else if (floor !== null) floor = Math.max(floor, ...operations.map(({ revision }) => revision));
  }

  function settle() {
    floor ??= editor.toServer(0)?.revision ?? null;
  }
  editor.onSelection(settle); // also called when everything has come to the server
  settle();

  collab.onConnection((status) => {
    if (status === "connected" && !all) ask(0);
  });

  function ask(after = AGAIN) {
    if (on) asking ??= setTimeout(fetchRuns, after);
  }

  async function fetchRuns() {
    asking = null;
    if (fetching || !on) return;
    fetching = true;
    try {
      take(await collab.fetch(`api/documents/${collab.document.id}/runs`));
    } catch (error) {
      say(error.message);
    } finally {
      fetching = false;
    }
  }

  function take(answer) {
    if (answer.reached !== undefined) {
      say(`Working out who wrote what: ${Math.floor((100 * answer.reached) / answer.revision)} %`);
      ask();
      return;
    }
    settle();
    if (floor === null || answer.revision < floor) {
      ask();
      return;
    }
    for (const author of answer.authors) authors.set(author.id, author);
    const base = [];
    let end = 0;
    let before = 0;
    for (let i = 0; i < answer.runs.length; i += 2) {
      end += answer.runs[i + 1];
      const here = editor.fromServer(answer.revision, end);
      if (here === null) {
        // The page is not there yet, or well past it.
        ask();
        return;
      }
      base.push([answer.authors[answer.runs[i]].id, here - before]);
      before = here;
    }
    // What was inserted after that revision came through this page: `since` knows whose it is.
    all = since.over(new Runs(base));
    say("");
    if (all.runs.some(([author]) => author === null)) ask();
    if (on) paint();
  }

  // What is seen.

  function say(text) {
    note.textContent = text;
    note.hidden = !text;
  }

  function paintSoon() {
    painting ??= setTimeout(paint, SOON);
  }

  function paint() {
    clearTimeout(painting);
    painting = null;
    if (!on || !all) return;
    const ranges = [];
    for (const { author, from, to } of all) {
      if (ranges.length === MOST) {
        say("There are so many pieces that only the first are coloured.");
        break;
      }
      if (author === BEGINNING) continue;
      const who = known(author);
      ranges.push({ from, to, class: "authorship-run", style: look(who.color, dark.matches), title: ui.nameOf(who) });
    }
    if (painted) painted.update(ranges);
    else painted = editor.decorate(ranges);
    showLegend();
  }

  function known(author) {
    return authors.get(author) ?? (author === collab.user?.id ? collab.user : UNKNOWN);
  }

  function showLegend() {
    const total = all.length || 1;
    empty.hidden = all.length > 0;
    legend.replaceChildren(
      ...all.shares().map(([author, length]) => {
        const shown = known(author);
        const item = document.createElement("li");
        const swatch = document.createElement("span");
        swatch.className = "authorship-swatch";
        ui.paint(swatch, shown.color);
        const who = document.createElement("span");
        who.className = "authorship-name";
        who.append(ui.person(shown));
        const share = document.createElement("span");
        share.className = "authorship-share";
        share.textContent = percent(length / total);
        item.append(swatch, who, share);
        return item;
      }),
    );
  }

  collab.onUser(() => ask());
  dark.addEventListener("change", paint, { signal: ended.signal });
  collab.onDispose(() => {
    ended.abort();
    clearTimeout(asking);
    clearTimeout(painting);
  });
  if (preferences.get("on", false)) toggle(true);
}

/** The one author of some operations; null when there are more, or none. */
function only(operations) {
  const found = new Set(operations.map(({ author }) => author));
  return found.size === 1 ? [...found][0] : null;
}

/** A person's colour behind and under text, which stays readable in light and dark. */
function look(color, dark) {
  const line = dark ? `color-mix(in oklab, ${color} 65%, white)` : color;
  return { background: `color-mix(in srgb, ${line} ${dark ? 30 : 20}%, transparent)`, underline: line };
}

/** "12 %" */
export function percent(share) {
  const whole = Math.round(100 * share);
  return whole === 0 && share > 0 ? "under 1 %" : `${whole} %`;
}
