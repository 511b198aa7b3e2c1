/** Times as people read them. */

/** A moment; the beginning of time for what is none: an imported file may say anything. */
function date(seconds) {
  const then = new Date(seconds * 1000);
  return Number.isNaN(then.getTime()) ? new Date(0) : then;
}

/** As an attribute `datetime` has it. */
export const stamp = (seconds) => date(seconds).toISOString();

/** "14:05" today, else "3 May, 14:05". */
export function time(seconds, now = Date.now()) {
  const then = date(seconds);
  const clock = then.toLocaleTimeString(undefined, { timeStyle: "short" });
  if (then.toDateString() === new Date(now).toDateString()) return clock;
  const year = then.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return `${then.toLocaleDateString(undefined, { day: "numeric", month: "short", ...year })}, ${clock}`;
}

/** The whole moment, for a tooltip. */
export function moment(seconds) {
  return date(seconds).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
}
