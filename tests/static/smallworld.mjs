/**
 * Reads the small world's cases from standard input, as `python -m tests.ot.smallworld` prints them,
 * and gives each to the browser's algebra: three clients, every order of arrival, one text.
 */

import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { Delta, cross } from "../../collab/static/engine/ot.js";

const CLIENTS = ["a", "b", "c"];
const ORDERS = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/** The text after the clients' operations have arrived in that order, as the server orders them. */
function ordered(text, ops, order) {
  let content = new Delta().insert(text);
  const history = [];
  for (const number of order) {
    let mine = new Delta(ops[number]);
    for (const { client, delta } of history) {
      mine = cross(mine, delta, CLIENTS[number], client).mine;
    }
    history.push({ client: CLIENTS[number], delta: mine });
    content = content.compose(mine);
  }
  return content.ops.map(({ insert }) => insert).join("");
}

let cases = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { doc, ops, out } = JSON.parse(line);
  ORDERS.forEach((order, index) => assert.equal(ordered(doc, ops, order), out[index], line));
  cases += 1;
}
console.log(cases);
