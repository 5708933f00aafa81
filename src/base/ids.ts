import { randomBytes } from "node:crypto";

/** 64 random lower-case hex digits: a container, network or exec ID. Never all digits in its first 12, as moby's stringid. */
export function randomID(): string {
  for (;;) {
    const id = randomBytes(32).toString("hex");
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
