/**
 * Makes an element without ever parsing HTML: what people wrote stays text. Keys that begin
 * with "on" are listeners; `true` and `false` set or leave out an attribute.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}
