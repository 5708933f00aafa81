import { cFunctions } from "./c-functions.ts";

const libc = cFunctions({ getrandom: { return: "i32", arguments: ["buffer", "u64", "u32"] } });

/** Twice as many random lower-case hex digits as `bytes`, at most 256, by getrandom(2), which gives so many at once. */
export function randomHex(bytes: number): string {
  const random = Buffer.allocUnsafe(bytes);
  if (libc.getrandom(random, BigInt(bytes), 0) !== bytes) throw new Error("the kernel gives no random bytes");
  return random.toString("hex");
}

/** 64 random lower-case hex digits: a container, network or exec ID. Never all digits in its first 12, as moby's stringid. */
export function randomID(): string {
  for (;;) {
    const id = randomHex(32);
    if (!/^\d+$/.test(shortID(id))) return id;
  }
}

/** The first 12 hex digits of an ID or digest, without the algorithm in front. */
export function shortID(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}

/** Whether a text is a whole ID of a container or an image, without its algorithm. */
export function isID(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
