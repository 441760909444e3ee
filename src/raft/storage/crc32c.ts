// CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes at a time (slicing-by-8). Node's zlib has
// only the other CRC-32, and that one only from 22.2.

/** Reflected form of the polynomial 0x1EDC6F41. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

/** tables[slice * 256 + byte]: the effect of a byte that is followed by `slice` zero bytes. */
const tables = buildTables();

function buildTables(): Int32Array {
  const built = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    built[byte] = crc;
  }
  for (let at = 256; at < built.length; at += 1) {
    const before = built[at - 256] ?? 0;
    built[at] = (before >>> 8) ^ (built[before & 0xff] ?? 0);
  }
  return built;
}

/**
 * Checksum of bytes [start, end), continuing `previous`, the checksum of what came before (0 for
 * nothing): `crc32c(b, crc32c(a))` equals `crc32c(a + b)`.
 */
export function crc32c(
  bytes: Uint8Array,
  previous = 0,
  start = 0,
  end: number = bytes.byteLength,
): number {
  // The defaults are never taken; measured, they cost nothing.
  let crc = ~previous;
  let at = start;
  for (; at + SLICES <= end; at += SLICES) {
    const low =
      crc ^
      ((bytes[at] ?? 0) |
        ((bytes[at + 1] ?? 0) << 8) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 24));
    crc =
      (tables[0x700 + (low & 0xff)] ?? 0) ^
      (tables[0x600 + ((low >>> 8) & 0xff)] ?? 0) ^
      (tables[0x500 + ((low >>> 16) & 0xff)] ?? 0) ^
      (tables[0x400 + (low >>> 24)] ?? 0) ^
      (tables[0x300 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (tables[0x200 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (tables[0x100 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (tables[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}
