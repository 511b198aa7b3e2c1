/** Numbers and times as people say them. */

/** `counted(1, "edit")` is "1 edit", `counted(3, "edit")` is "3 edits". */
export function counted(number, word) {
  return `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;
}

/**
 * A time as a `Date`. The API's times are seconds since 1970 or ISO 8601; null when it is neither.
 * @param {string | number} time
 */
export function date(time) {
  const number = typeof time === "number" ? time : time?.trim() === "" ? NaN : Number(time);
  const result = Number.isFinite(number) ? new Date(number * 1000) : new Date(time);
  return Number.isNaN(result.getTime()) ? null : result;
}

/**
 * How long ago that was: "just now", "4 minutes ago", "yesterday", "3 May", "3 May 2024".
 * @param {Date} then
 * @param {Date} [now]
 */
export function ago(then, now = new Date()) {
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return "just now"; // also when the two clocks differ a little
  if (minutes < 60) return `${counted(minutes, "minute")} ago`;
  const days = Math.round((midnight(now) - midnight(then)) / 86_400_000);
  if (days === 0) return `${counted(Math.floor(minutes / 60), "hour")} ago`;
  if (days === 1) return "yesterday";
  if (days < 7) return `${days} days ago`;
  const year = then.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return then.toLocaleDateString(undefined, { day: "numeric", month: "short", year });
}

function midnight(time) {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate());
}
