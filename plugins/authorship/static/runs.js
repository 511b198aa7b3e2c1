/** Runs of text by author; lengths are UTF-16 code units. The server has the same in Python. */

/**
 * Which author wrote which units of a text. An author is an id, or null for one not known.
 */
export class Runs {
  /** @param {Array<[?string, number]>} [runs] authors and lengths */
  constructor(runs = []) {
    this.runs = joined(runs);
  }

  get length() {
    return this.runs.reduce((sum, [, length]) => sum + length, 0);
  }

  /**
   * Takes an edit into account.
   * @param {Array<object>} ops of a delta
   * @param {?string} author of what it inserts
   */
  apply(ops, author) {
    const out = [];
    let at = 0; // the run that is read …
    let used = 0; // … and what of it was read
    const take = (length, keep) => {
      while (length > 0 && at < this.runs.length) {
        const [who, whole] = this.runs[at];
        const taken = Math.min(length, whole - used);
        if (keep) push(out, who, taken);
        length -= taken;
        used += taken;
        if (used === whole) {
          at++;
          used = 0;
        }
      }
    };
    for (const op of ops) {
      if (op.insert !== undefined) push(out, author, typeof op.insert === "string" ? op.insert.length : 1);
      else if (op.delete) take(op.delete, false);
      else take(op.retain, true);
    }
    take(Infinity, true);
    this.runs = out;
  }

  /** These runs, with what is not known here (null) filled in from `base`. */
  over(base) {
    const out = [];
    const below = base.runs[Symbol.iterator]();
    let [who, left] = below.next().value ?? [null, Infinity];
    for (const [author, length] of this.runs) {
      for (let rest = length; rest > 0; ) {
        while (left === 0) [who, left] = below.next().value ?? [null, Infinity];
        const taken = Math.min(rest, left);
        push(out, author ?? who, taken);
        rest -= taken;
        left -= taken;
      }
    }
    return new Runs(out);
  }

  /** Each run with where it begins and ends. */
  *[Symbol.iterator]() {
    let from = 0;
    for (const [author, length] of this.runs) {
      yield { author, from, to: from + length };
      from += length;
    }
  }

  /** Authors and how many units each has, whoever wrote most first. */
  shares() {
    const found = new Map();
    for (const [author, length] of this.runs) found.set(author, (found.get(author) ?? 0) + length);
    return [...found].sort((a, b) => b[1] - a[1]);
  }
}

function push(runs, author, length) {
  if (length <= 0) return;
  const last = runs[runs.length - 1];
  if (last && last[0] === author) last[1] += length;
  else runs.push([author, length]);
}

function joined(runs) {
  const out = [];
  for (const [author, length] of runs) push(out, author, length);
  return out;
}
