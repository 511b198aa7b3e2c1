/** What the pages say: times, numbers, the state of one's work, and what can be read on a colour. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { initials, inkOn, PALETTE, safeColor } from "../../collab/static/ui/colors.js";
import { describe } from "../../collab/static/ui/status.js";
import { ago, counted, date } from "../../collab/static/ui/words.js";

const at = (...when) => new Date(2026, ...when);

test("a time is said as people say it", () => {
  const now = at(4, 20, 15, 30);
  const said = [
    [at(4, 20, 15, 30, 20), "just now"], // the server's clock is ahead
    [at(4, 20, 15, 29, 40), "just now"],
    [at(4, 20, 15, 29), "1 minute ago"],
    [at(4, 20, 14, 31), "59 minutes ago"],
    [at(4, 20, 0, 1), "15 hours ago"],
    [at(4, 19, 23, 59), "yesterday"],
    [at(4, 14, 12), "6 days ago"],
  ];
  for (const [then, words] of said) assert.equal(ago(then, now), words);
  assert.match(ago(at(4, 1), now), /^(1 May|May 1)$/);
  assert.match(ago(new Date(2024, 4, 3), now), /2024/);
  assert.equal(ago(at(0, 1, 0, 10), at(0, 1, 0, 40)), "30 minutes ago");
  assert.equal(ago(at(0, 0, 23, 50), at(0, 1, 0, 40)), "50 minutes ago", "across midnight");
});

test("the API's times are seconds or ISO 8601", () => {
  assert.equal(date(1.5).getTime(), 1500);
  assert.equal(date("1.5").getTime(), 1500);
  assert.equal(date("2026-05-20T00:00:00Z").getTime(), Date.UTC(2026, 4, 20));
  for (const nothing of ["", " ", "soon", undefined]) assert.equal(date(nothing), null);
});

test("one edit, two edits", () => {
  assert.equal(counted(1, "edit"), "1 edit");
  assert.equal(counted(0, "edit"), "0 edits");
});

test("the status says whether the work is safe", () => {
  const status = (change) => ({
    connection: "connected", unsaved: 0, atRisk: false, kept: true, keeps: true, blocked: false, taken: true,
    sentence: null, ...change,
  });
  const said = (change, ...more) => {
    const { state, text } = describe(status(change), true, ...more);
    return `${state}: ${text}`;
  };
  assert.equal(said({}), "saved: Saved");
  assert.equal(said({ unsaved: 1, kept: false }), "saving: Saving…");
  assert.equal(said({ unsaved: 2, atRisk: true }), "late: Not saved yet");
  assert.equal(said({ connection: "connecting" }), "connecting: Connecting…");
  assert.equal(said({ connection: "connecting" }, true), "offline: Offline");
  assert.equal(said({ connection: "offline" }), "offline: Offline");
  assert.equal(said({ connection: "offline", unsaved: 1 }), "offline: Offline · unsaved changes kept");
  assert.equal(said({ connection: "offline", unsaved: 1, kept: false }), "offline: Offline · unsaved changes");
  assert.equal(
    said({ connection: "offline", unsaved: 1, kept: false, keeps: false }),
    "stopped: Offline · unsaved changes, not kept",
  );
  assert.equal(said({ unsaved: 1, atRisk: true, kept: false, keeps: false }), "stopped: Not saved yet, not kept");
  assert.equal(said({ connection: "offline", blocked: true, taken: false }), "offline: Read only");
  assert.equal(said({ connection: "connecting", blocked: true }), "offline: Can’t send");
  assert.equal(said({ connection: "offline", blocked: true, unsaved: 1 }), "offline: Can’t send · unsaved changes kept");
  assert.equal(said({ connection: "refused" }), "stopped: Not connected");
  assert.equal(describe(status({ connection: "refused", sentence: "Gone." }), true).title, "Gone.");
  assert.equal(describe(status({}), false).text, "Read only");
});

test("what the status explains is true in each state", () => {
  for (const connection of ["connecting", "connected", "offline", "refused"]) {
    for (const unsaved of [0, 1]) {
      for (const [kept, keeps] of [[true, true], [false, true], [false, false]]) {
        for (const blocked of [true, false]) {
          for (const taken of [true, false]) {
            for (const again of [true, false]) {
              const atRisk = unsaved > 0 && (connection !== "connected" || !keeps);
              const status = { connection, unsaved, kept, keeps, blocked, taken, atRisk, sentence: null };
              const { text, title } = describe(status, true, again);
              const all = `${text} ${title}`;
              const what = JSON.stringify({ ...status, again, all });
              assert.equal(/is saved/.test(all) && (unsaved > 0 || !taken) && connection !== "connected", false, what);
              assert.equal(/kept in this browser|changes kept/.test(all) && !(unsaved && kept), false, what);
              assert.equal(/Saved/.test(text) && (unsaved > 0 || connection !== "connected"), false, what);
              assert.equal(/\d/.test(text), false, "no count of keystrokes");
              if (unsaved && !keeps && connection !== "refused") assert.match(all, /not kept/, what);
            }
          }
        }
      }
    }
  }
});

test("names can be read on every colour that is offered", () => {
  for (const color of PALETTE) assert.equal(inkOn(color), "#ffffff");
  assert.equal(inkOn("#ffd54a"), "#000000");
  assert.equal(inkOn("#000000"), "#ffffff");
  for (const wrong of [null, "red", "#12345", "#1234567", "url(x)"]) {
    assert.match(safeColor(wrong), /^#[0-9a-f]{6}$/);
  }
  assert.equal(safeColor("#ABCDEF"), "#abcdef");
});

test("initials are whole characters", () => {
  assert.equal(initials("Quiet Otter"), "QO");
  assert.equal(initials(" ada "), "A");
  assert.equal(initials("Ada King Lovelace"), "AL");
  assert.equal(initials("😀 smile"), "😀S");
  assert.equal(initials("  "), "?");
});
