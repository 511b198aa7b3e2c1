/** The list of documents: searching, paging, making, renaming, deleting. */

import { request } from "../ui/http.js";
import { notify } from "../ui/notices.js";
import { ago, date } from "../ui/words.js";

const BASE = document.documentElement.dataset.base ?? "";
const API = `${BASE}/api/documents`;
const PAGE_SIZE = 50;

/** As many as the server gives at once. */
const MOST = 200;

/** Typing this long without a pause asks the server once, in milliseconds. */
const TYPING_PAUSE = 150;

const byId = (id) => document.getElementById(id);
const list = byId("documents");
const search = byId("search");

/** What the list shows: which search, and where it goes on (null: nowhere). */
const shown = { search: "", next: list.dataset.next || null };
let asking = null;

function fillTimes() {
  for (const time of list.querySelectorAll("time")) {
    const then = date(time.dataset.time);
    time.textContent = then ? ago(then) : "";
    if (then) time.dateTime = then.toISOString();
    time.title = then ? then.toLocaleString() : "";
  }
}

function row(record) {
  const made = byId("row").content.firstElementChild.cloneNode(true);
  made.dataset.id = record.id;
  const title = made.querySelector(".row-title");
  title.href = `${BASE}/d/${encodeURIComponent(record.id)}`;
  title.textContent = record.title || "Untitled";
  const type = made.querySelector(".row-type");
  type.textContent = record.type;
  type.hidden = record.type === "text";
  made.querySelector("time").dataset.time = record.updated;
  return made;
}

const rowOf = (id) => [...list.children].find((item) => item.dataset.id === id);

/** Shows what belongs under the list as it is now. */
function settle() {
  fillTimes();
  const none = !list.children.length;
  byId("empty").hidden = !(none && !shown.search);
  search.parentElement.hidden = none && !shown.search && !search.value;
  byId("nothing-found").hidden = !(none && shown.search);
  byId("more").hidden = !shown.next;
  list.removeAttribute("aria-busy");
}

/** Asks for one page; what was asked before and is not answered yet no longer matters. */
async function ask(words, cursor, limit) {
  asking?.abort();
  const mine = (asking = new AbortController());
  const query = new URLSearchParams({ limit });
  if (words) query.set("search", words);
  if (cursor) query.set("cursor", cursor);
  list.setAttribute("aria-busy", "true");
  try {
    return await request(`${API}?${query}`, { signal: mine.signal });
  } catch (error) {
    if (error.name === "AbortError") return null;
    list.removeAttribute("aria-busy");
    notify(error.message, { kind: "error" });
    return null;
  }
}

async function show(words) {
  const answer = await ask(words, null, Math.max(PAGE_SIZE, Math.min(list.children.length, MOST)));
  if (!answer) return;
  shown.search = words;
  shown.next = answer.next;
  const focused = document.activeElement.closest(".row")?.dataset.id;
  list.replaceChildren(...answer.documents.map(row));
  settle();
  rowOf(focused)?.querySelector("a").focus();
  byId("result").textContent = words ? `${answer.documents.length}${answer.next ? " or more" : ""} found` : "";
}

async function showMore() {
  const answer = await ask(shown.search, shown.next, PAGE_SIZE);
  if (!answer) return;
  shown.next = answer.next;
  const known = new Set([...list.children].map((item) => item.dataset.id));
  const fresh = answer.documents.filter((record) => !known.has(record.id)).map(row);
  list.append(...fresh);
  settle();
  fresh[0]?.querySelector("a").focus();
}

/**
 * Opens a dialog; its form's submit runs `action`, whose failure is shown inside.
 * @param {HTMLDialogElement} dialog
 * @param {() => Promise<void>} action
 */
function open(dialog, action) {
  const form = dialog.querySelector("form");
  const problem = dialog.querySelector(".problem");
  const submit = dialog.querySelector("[type=submit]");
  problem.hidden = true;
  submit.disabled = false;
  form.onsubmit = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await action();
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
    submit.disabled = false;
  };
  dialog.showModal();
}

function askTitle({ heading, button, title, chooseType = false }, action) {
  const dialog = byId("title-dialog");
  const input = dialog.querySelector("input");
  byId("title-dialog-heading").textContent = heading;
  dialog.querySelector("[type=submit]").textContent = button;
  input.value = title;
  const field = byId("type-field");
  if (field) field.hidden = !chooseType;
  open(dialog, () => action(input.value.trim() || "Untitled", field?.querySelector("select").value ?? "text"));
  input.select();
}

function create() {
  const asked = { heading: "New document", button: "Create", title: "", chooseType: true };
  askTitle(asked, async (title, type) => {
    const made = await request(API, { method: "POST", body: { title, type } });
    location.assign(`${BASE}/d/${encodeURIComponent(made.id)}`);
  });
}

function rename(item) {
  const { id } = item.dataset;
  const before = item.querySelector(".row-title").textContent;
  askTitle({ heading: "Rename", button: "Rename", title: before }, async (title) => {
    const path = `${API}/${encodeURIComponent(id)}`;
    const changed = await request(path, { method: "PATCH", body: { title } });
    // The list may have been drawn anew meanwhile.
    const link = rowOf(id)?.querySelector(".row-title");
    if (link) link.textContent = changed?.title || title;
  });
}

function remove(item) {
  const title = item.querySelector(".row-title").textContent;
  byId("delete-dialog-heading").textContent = `Delete “${title}”?`;
  open(byId("delete-dialog"), async () => {
    await request(`${API}/${encodeURIComponent(item.dataset.id)}`, { method: "DELETE" });
    const gone = rowOf(item.dataset.id);
    const neighbour = gone?.nextElementSibling ?? gone?.previousElementSibling;
    gone?.remove();
    settle();
    notify(`“${title}” was deleted.`);
    (neighbour?.querySelector("a") ?? search).focus();
  });
}

let pause = null;
search.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => show(search.value.trim()), TYPING_PAUSE);
});
byId("more").addEventListener("click", showMore);
byId("new").addEventListener("click", create);
byId("first").addEventListener("click", create);
list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button) return;
  const item = button.closest(".row");
  if (button.dataset.action === "rename") rename(item);
  else remove(item);
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
}
// Whoever comes back to this page finds it as the server has it now.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") show(shown.search);
});
addEventListener("pageshow", (event) => {
  if (event.persisted) show(shown.search);
});
setInterval(fillTimes, 60_000);

for (const control of [search, byId("new"), byId("first")]) control.disabled = false;
document.documentElement.classList.add("js");
settle();
if (search.value.trim()) show(search.value.trim()); // the browser kept it over a reload
