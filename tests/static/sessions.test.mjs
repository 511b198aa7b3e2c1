import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "./script.mjs";

const folder = new URL("../sessions/", import.meta.url);

for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
  const session = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
  test(`${name}: ${session.about}`, () => run(session));
}
