/** history's browser half: what it says. (test_history_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { amount, day, precise, progress, span, spokenAmount } from "../../plugins/history/static/words.js";

test("days are told as people do", () => {
  const now = new Date(2025, 2, 10, 12).getTime();
  const at = (...date) => new Date(2025, 2, ...date).getTime() / 1000;
  assert.equal(day(at(10, 1), now), "Today");
  assert.equal(day(at(9, 23), now), "Yesterday");
  assert.equal(day(at(3, 10), now, "en"), "Monday, March 3, 2025");
  assert.match(precise(at(3, 14, 5, 9), "en-GB"), /3 Mar 2025, 14:05:09/);
});

test("how much was changed is told, also to who can't see it", () => {
  assert.equal(amount({ inserted: 3, deleted: 2 }), "+3 −2");
  assert.equal(amount({ inserted: 0, deleted: 2 }), "−2");
  assert.equal(amount({ inserted: 0, deleted: 0 }), "formatting");
  assert.equal(spokenAmount({ inserted: 3, deleted: 2 }), "3 characters written, 2 deleted");
  assert.equal(spokenAmount({ inserted: 0, deleted: 0 }), "formatting changed");
  assert.equal(span({ first: 3, last: 3 }), "Revision 3");
  assert.equal(span({ first: 3, last: 7 }), "Revisions 3 to 7");
  assert.equal(progress({ reached: 1, revision: 3 }), "Working out who wrote what: 33 %");
});
