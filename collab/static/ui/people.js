/** People's names as they are shown: guests, whom nobody vouches for, are marked as such. */

import { element } from "./elements.js";
import { visible } from "./written.js";

/** What the ids of guests begin with; the server gives them. */
const GUEST = "guest:";

/** Whether nobody vouches for somebody: they have a cookie, and call themselves what they like. */
export function isGuest(user) {
  return String(user.id ?? "").startsWith(GUEST);
}

/** A name for where there is only text, such as a tooltip: "Ada", "Quiet Otter (guest)". */
export function nameOf(user) {
  return isGuest(user) ? `${user.name} (guest)` : user.name;
}

/** A name as an element that does not mix with the text around it. */
export function person(user) {
  const name = element("bdi", { class: "person-name" }, ...visible(user.name));
  return element("span", { class: "person" }, name, ...(isGuest(user) ? [" ", element("small", { class: "person-guest" }, "guest")] : []));
}
