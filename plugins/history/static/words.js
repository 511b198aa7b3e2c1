/** What the history says in words. */

const DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
const PRECISE = { hour: "2-digit", minute: "2-digit", second: "2-digit", day: "numeric", month: "short", year: "numeric" };

/** "Monday, 3 March 2025", or "Today". @param {number} seconds since 1970 */
export function day(seconds, now = Date.now(), locale = undefined) {
  const date = new Date(seconds * 1000);
  if (date.toDateString() === new Date(now).toDateString()) return "Today";
  if (date.toDateString() === new Date(now - 24 * 3600 * 1000).toDateString()) return "Yesterday";
  return date.toLocaleDateString(locale, DAY);
}

/** "14:05" */
export const time = (seconds, locale = undefined) => new Date(seconds * 1000).toLocaleTimeString(locale, { timeStyle: "short" });

/** "3 Mar 2025, 14:05:11" */
export const precise = (seconds, locale = undefined) => new Date(seconds * 1000).toLocaleString(locale, PRECISE);

/** "+120 −3" */
export function amount({ inserted, deleted }) {
  const parts = [];
  if (inserted) parts.push(`+${inserted}`);
  if (deleted) parts.push(`−${deleted}`);
  return parts.join(" ") || "formatting";
}

/** The same for a screen reader. */
export function spokenAmount({ inserted, deleted }) {
  const parts = [];
  if (inserted) parts.push(`${inserted} characters written`);
  if (deleted) parts.push(`${deleted} deleted`);
  return parts.join(", ") || "formatting changed";
}

/** "Revisions 3 to 7", "Revision 3" */
export const span = ({ first, last }) => (first === last ? `Revision ${first}` : `Revisions ${first} to ${last}`);

/** How far the server has come with working out who wrote what. */
export const progress = ({ reached, revision }) =>
  `Working out who wrote what: ${revision ? Math.floor((100 * reached) / revision) : 0} %`;
