const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/** Bytes as Docker shows them, in powers of 1000: `1.98MB`. @param digits significant digits: 3 in tables, 4 elsewhere */
export function humanSize(bytes: number, digits: 3 | 4 = 4): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(digits))}${units[unit]}`;
}
