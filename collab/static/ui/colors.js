/** People's colours: which there are to choose from, and what can be read on them. */

/** The server gives new guests one of the same; white is readable on each. */
export const PALETTE = [
  "#c2185b", "#7b1fa2", "#512da8", "#303f9f", "#1565c0", "#00697a",
  "#6d4c41", "#2e7d32", "#5d6b00", "#8d5a00", "#bf360c", "#8e2430",
];

/** A colour that can't be understood is shown as this. */
const NEUTRAL = "#475569";

/** `#rrggbb` in small letters, whatever came in. */
export function safeColor(color) {
  return typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color) ? color.toLowerCase() : NEUTRAL;
}

/** Black or white, whichever is easier to read on `color` (WCAG 2 relative luminance). */
export function inkOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(safeColor(color).slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

/** Gives an element the colour of a person, as the custom properties that the style sheet uses. */
export function paint(element, color) {
  element.style.setProperty("--who", safeColor(color));
  element.style.setProperty("--on-who", inkOn(color));
}

/** One or two letters for a name: "Quiet Otter" is "QO". */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const chosen = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  const letters = chosen.map((word) => [...word][0].toUpperCase());
  return letters.join("") || "?";
}
