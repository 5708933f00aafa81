import { createHash } from "node:crypto";

/** Numbers from 0 up to 1 that a seed decides. */
export type Random = () => number;

/** The sequence of a seed: digests of the seed and a count. */
export function randomOf(seed: string): Random {
  let count = 0;
  return () => createHash("sha256").update(`${seed} ${count++}`).digest().readUInt32BE() / 2 ** 32;
}

/** One of several. */
export function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}
