/** Times as people read them. */

/** "14:05" today, else "3 May, 14:05". */
export function time(seconds, now = Date.now()) {
  const then = new Date(seconds * 1000);
  const clock = then.toLocaleTimeString(undefined, { timeStyle: "short" });
  if (then.toDateString() === new Date(now).toDateString()) return clock;
  const year = then.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return `${then.toLocaleDateString(undefined, { day: "numeric", month: "short", ...year })}, ${clock}`;
}

/** The whole moment, for a tooltip. */
export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
}
