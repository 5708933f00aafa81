/** Major number of a device number as stat(2) gives it. @see glibc `gnu_dev_major` */
export function majorOf(device: bigint): number {
  return Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
}

/** Minor number of a device number as stat(2) gives it. @see glibc `gnu_dev_minor` */
export function minorOf(device: bigint): number {
  return Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
}
