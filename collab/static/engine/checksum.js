/**
 * The checksum by which a client finds out that it differs from the server:
 * CRC-32 (zlib's) over the content's text as UTF-16, little end first.
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** `TABLES[k][byte]` is the byte followed by k zero bytes: two units go in one step. */
const TABLES = [TABLE];
for (let k = 1; k < 4; k++) {
  TABLES.push(TABLES[k - 1].map((value) => TABLE[value & 255] ^ (value >>> 8)));
}
const [T0, T1, T2, T3] = TABLES;

/** A CRC-32 that text is added to piece by piece. */
export class Checksum {
  #crc = 0xffffffff;

  /** Adds the UTF-16 code units from `start` to `end` of `text`. */
  add(text, start = 0, end = text.length) {
    let crc = this.#crc;
    let i = start;
    for (; i + 1 < end; i += 2) {
      crc ^= text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16);
      crc = T3[crc & 255] ^ T2[(crc >>> 8) & 255] ^ T1[(crc >>> 16) & 255] ^ T0[crc >>> 24];
    }
    if (i < end) {
      const unit = text.charCodeAt(i);
      crc = T0[(crc ^ unit) & 255] ^ (crc >>> 8);
      crc = T0[(crc ^ (unit >>> 8)) & 255] ^ (crc >>> 8);
    }
    this.#crc = crc;
    return this;
  }

  /** Of everything added, as an unsigned 32-bit number. */
  get value() {
    return ~this.#crc >>> 0;
  }
}

/** The whole text's checksum at once. */
export function checksum(text) {
  return new Checksum().add(text).value;
}

/** UTF-16 code units that are summed before the page gets its turn again: about a millisecond. */
const SLICE = 256 * 1024;

/** The text's checksum, with a pause (a promise) between slices so that typing never waits. */
export async function checksumInSlices(text, pause) {
  const sum = new Checksum();
  for (let start = 0; start < text.length; start += SLICE) {
    if (start) await pause();
    sum.add(text, start, Math.min(start + SLICE, text.length));
  }
  return sum.value;
}
