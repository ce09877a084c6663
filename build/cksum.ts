/**
 * The checksum that POSIX's `cksum` prints: a CRC with the polynomial 04C11DB7, the most significant
 * bit first, over the bytes and then their number, its lowest byte first, inverted. It finds damage,
 * and unlike SHA-256 every system has the program.
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit++) value = value << 1 ^ (value < 0 ? 0x04c11db7 : 0);
  return value;
});

/** `<checksum> <size>`, as `cksum` prints it for its standard input. */
export function cksum(pieces: Iterable<Uint8Array>): string {
  let crc = 0;
  let size = 0;
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i++) crc = crc << 8 ^ TABLE[(crc >>> 24) ^ piece[i]];
    size += piece.length;
  }
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) {
    crc = crc << 8 ^ TABLE[(crc >>> 24) ^ (rest & 255)];
  }
  return `${~crc >>> 0} ${size}`;
}
