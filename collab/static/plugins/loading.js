/** Loads a plugin's files over a network that comes and goes. */

import { element } from "../ui/elements.js";

/** ms until a server that could not be reached is tried again; twice as long each time, up to: */
const PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

/** ms that the server has to answer at all. */
const PATIENCE = 10_000;

/**
 * What `load` resolves to. While the server can't be reached it is waited for; what fails although
 * the server answers is tried once more, because the network may have been away for a moment only.
 * @template Loaded
 * @param {string} address where it is, or another file beside it
 * @param {() => Promise<Loaded>} load rejects with a TypeError when a file can't be fetched, as
 *   `import()` does; whatever else it rejects with was thrown by what has been loaded
 * @param {import("./running.js").Running} running once it has ended, nothing is tried again
 * @returns {Promise<Loaded>}
 */
export async function loaded(address, load, running) {
  let failures = 0;
  for (let pause = PAUSE; ; ) {
    try {
      return await load();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      if (await answers(address)) {
        failures += 1;
        if (failures === 2) throw error;
      } else {
        await connected(running, pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
      if (running.disposed) throw error;
    }
  }
}

/**
 * Where a module, or one that it imports, is no JavaScript: "address:line: ", or "" when that can't
 * be told. An `import()` rejects without the place, an event has it.
 */
export function placeOfSyntaxError(address) {
  return new Promise((resolve) => {
    const script = element("script", { type: "module", src: address });
    const ended = new AbortController();
    function done(place) {
      clearTimeout(timer);
      ended.abort();
      script.remove();
      resolve(place);
    }
    const timer = setTimeout(() => done(""), PATIENCE);
    function on(event) {
      if (!(event.error instanceof SyntaxError)) return;
      // Nobody else has to hear of it: whoever asks for the place tells of the error, too.
      event.preventDefault();
      event.stopImmediatePropagation();
      done(`${event.filename}:${event.lineno}: `);
    }
    addEventListener("error", on, { capture: true, signal: ended.signal });
    script.onload = script.onerror = () => done("");
    document.head.append(script);
  });
}

/** Appends a stylesheet's `link` to the page. Rejects with a TypeError when it can't be fetched. */
export function styled(link) {
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => reject(new TypeError(`Failed to fetch the stylesheet: ${link.href}`));
    document.head.append(link); // for the second time, it is fetched again
  });
}

/** Whether the server says anything; a proxy says 502 and the like for one that is away. */
async function answers(address) {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const { status } = await fetch(address, { method: "HEAD", cache: "no-store", signal });
    return status < 500;
  } catch {
    return false;
  }
}

/** Waits for the document's next connection, but no longer than `ms`. */
function connected(running, ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    const end = running.listen("connection", (status) => status === "connected" && done());
    function done() {
      clearTimeout(timer);
      end();
      resolve();
    }
  });
}
