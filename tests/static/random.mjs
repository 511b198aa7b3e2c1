/** Seeded randomness and an alphabet of hard cases. */

import { Delta, plainText } from "../../collab/static/engine/ot.js";

/** 1 to 4 bytes in UTF-8, combining marks, joined emoji, newlines. */
const ALPHABET = ["a", "b", " ", "\n", "é", "e\u0301", "ß", "漢", "\u200d", "😀", "👩🏽‍🚀", "𝒳", "🏳️‍🌈"];

/** mulberry32: small, good enough, the same everywhere. */
export function seeded(seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];
  const text = (length) => Array.from({ length }, () => pick(ALPHABET)).join("");

  /** An edit of a text that cuts no character in half. */
  const edit = (content) => {
    const now = plainText(content);
    const borders = [0];
    for (const character of now) borders.push(borders.at(-1) + character.length);
    const delta = new Delta();
    let at = 0;
    for (let part = 0; part <= below(3); part++) {
      const from = at + below(borders.length - at);
      delta.retain(borders[from] - borders[at]);
      if (random() < 0.6) delta.insert(text(1 + below(4)));
      const to = random() < 0.5 ? Math.min(from + 1 + below(4), borders.length - 1) : from;
      delta.delete(borders[to] - borders[from]);
      at = to;
    }
    return delta.chop();
  };
  return { random, below, pick, text, edit };
}

/** The seeds of a test: `SEED=7` runs one again, `RUNS=1000` more of them. */
export function seeds(runs) {
  const { SEED, RUNS } = process.env;
  if (SEED) return [Number(SEED)];
  return Array.from({ length: Number(RUNS ?? runs) }, (_, i) => i + 1);
}

/** Runs `fn` with every seed, and names the one it failed with. */
export async function withSeeds(runs, fn) {
  for (const seed of seeds(runs)) {
    try {
      await fn(seeded(seed));
    } catch (error) {
      error.message = `SEED=${seed}: ${error.message}`;
      throw error;
    }
  }
}
