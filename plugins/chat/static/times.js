/** Times and days as people read them. */

/** Seconds between two messages of one person that are shown as one. */
const TOGETHER = 300;

/** A moment; the beginning of time for what is none: an imported file may say anything. */
function date(seconds) {
  const then = new Date(seconds * 1000);
  return Number.isNaN(then.getTime()) ? new Date(0) : then;
}

/** As an attribute `datetime` has it. */
export const stamp = (seconds) => date(seconds).toISOString();

export function time(seconds) {
  return date(seconds).toLocaleTimeString(undefined, { timeStyle: "short" });
}

/** The whole moment, for a tooltip. */
export function moment(seconds) {
  return date(seconds).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
}

/** "Today", "Yesterday", "Monday 3 May", "3 May 2024" */
export function day(seconds, now = Date.now()) {
  const then = date(seconds);
  const today = new Date(now);
  const days = Math.round((midnight(today) - midnight(then)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const same = then.getFullYear() === today.getFullYear();
  return then.toLocaleDateString(undefined, same ? { weekday: "long", day: "numeric", month: "long" } : { dateStyle: "long" });
}

/** Whether a new day begins with `message`. */
export function newDay(message, before) {
  return !before || midnight(date(message.time)).getTime() !== midnight(date(before.time)).getTime();
}

/** Whether a message goes on where its author's last one, just before, ended. */
export function goesOn(message, before) {
  return (
    !newDay(message, before) && before.author.id === message.author.id && message.time - before.time < TOGETHER
  );
}

function midnight(then) {
  return new Date(then.getFullYear(), then.getMonth(), then.getDate());
}
