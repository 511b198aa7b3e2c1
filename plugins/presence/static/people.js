/** Which people are shown, and what is said about each. */

/** Round pictures in the header at most; the rest is a number. */
export const MOST = 5;

/** … and in a narrow header. */
export const FEW = 3;

/**
 * Everybody but oneself, whoever is active first, otherwise in the order they came.
 * @returns {{shown: object[], more: object[]}}
 */
export function arrange(people, own, room = MOST) {
  const others = people.filter(({ id }) => id !== own);
  others.sort((a, b) => Number(a.idle) - Number(b.idle));
  const most = others.length > room ? room - 1 : room;
  return { shown: others.slice(0, most), more: others.slice(most) };
}

/** "Quiet Otter (guest, idle, 2 tabs)" */
export function describe({ name, guest, idle, sessions }) {
  const notes = [];
  if (guest) notes.push("guest");
  if (idle) notes.push("idle");
  if (sessions.length > 1) notes.push(`${sessions.length} tabs`);
  return notes.length ? `${name} (${notes.join(", ")})` : name;
}

/** What a screen reader says of the whole row. */
export function summary(others) {
  if (!others.length) return "Nobody else is here";
  return `Also here: ${others.map(describe).join(", ")}`;
}
