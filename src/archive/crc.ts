/** The polynomial of CRC-32, lowest bit first. @see ISO 3309 */
export const polynomial = 0xedb88320;

/** The polynomial 1 in that order. */
const one = 0x80000000;

/** The CRC-32 of a content that has `count` more bytes of zero, in the time that it takes to count them by doubling. */
export function crcWithZeros(crc: number, count: number): number {
  // Without what a CRC-32 turns at its beginning and its end, a bit more is a multiplication by x.
  let result = ~crc >>> 0;
  let power = one >>> 1;
  for (let bits = count * 8; bits > 0; bits = Math.floor(bits / 2)) {
    if (bits % 2 === 1) result = product(power, result);
    power = product(power, power);
  }
  return ~result >>> 0;
}

/** A polynomial times x modulo that of CRC-32: what a change of one bit does to the checksum where the content has one bit more behind it. */
export function timesX(value: number): number {
  return ((value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1) >>> 0;
}

/** The product of two polynomials modulo that of CRC-32. */
function product(left: number, right: number): number {
  let sum = 0;
  let shifted = right;
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((left & bit) !== 0) sum ^= shifted;
    shifted = timesX(shifted);
  }
  return sum >>> 0;
}
