/**
 * What the browser calls back and what it calls may throw. Nobody would hear of it: the page would
 * look alive while the editor and the engine have gone different ways.
 */

/**
 * The environment, with timers and wake-up calls whose exceptions `failed` is told.
 * @param {import("./environment.js").Environment} environment
 * @param {(error: unknown) => void} failed
 * @returns {import("./environment.js").Environment}
 */
export function guarded(environment, failed) {
  return {
    ...environment,
    setTimeout: (fn, ms) => environment.setTimeout(guard(fn, failed), ms),
    onWake: (fn) => environment.onWake(guard(fn, failed)),
  };
}

/** `fn`, whose exceptions go to `failed`; so does what a promise that it returns is rejected with. */
export function guard(fn, failed) {
  return (...given) => {
    try {
      const result = fn(...given);
      if (typeof result?.then === "function") result.then(undefined, failed);
      return result;
    } catch (error) {
      failed(error);
      return undefined;
    }
  };
}

/** Runs what may throw where nothing can be done about it. @returns the value, or `otherwise` */
export function attempt(fn, otherwise = undefined) {
  try {
    return fn();
  } catch {
    return otherwise;
  }
}
