import { limits } from "../base/limits.ts";
import type { ByteString } from "./byte-string.ts";
import type { PaxRecords } from "./pax.ts";
import { paxInteger } from "./pax.ts";
import { blockSize, invalidHeader, number } from "./tar-header.ts";

/** Where the stored bytes of a sparse file go. @see GNU tar manual, "Storing Sparse Files" */
export class SparseMap {
  /** Size of the file with its holes, bytes. */
  readonly size: number;
  /** Offsets and lengths, alternating. */
  readonly #regions: number[];
  /** Bytes of a format 1.0 map that precede the content, until it is complete. */
  #prefix: Buffer | undefined;
  #region = 0;
  #used = 0;

  private constructor(size: number, regions: number[], prefix: Buffer | undefined) {
    if (size < 0) throw invalidHeader("malformed sparse map");
    this.size = size;
    this.#regions = regions;
    this.#prefix = prefix;
    if (prefix === undefined) this.#check();
  }

  /** The map of PAX format 0.0, 0.1 or 1.0; undefined where the records tell of none. */
  static fromPax(records: PaxRecords, stored: number): SparseMap | undefined {
    const size = paxInteger(records.get("GNU.sparse.realsize") ?? records.get("GNU.sparse.size") ?? String(stored));
    if (records.get("GNU.sparse.major") === "1") return new SparseMap(size, [], Buffer.alloc(0));
    const map = records.get("GNU.sparse.map");
    return map === undefined ? undefined : new SparseMap(size, map.split(",").map(paxInteger), undefined);
  }

  /** The map of GNU's old format: four regions in the header, 21 in each block that follows it. */
  static fromBlocks(header: Buffer, more: readonly Buffer[]): SparseMap {
    const regions = regionsIn(header, 386, 4);
    for (const block of more) regions.push(...regionsIn(block, 0, 21));
    return new SparseMap(number(header, 483, 12), regions, undefined);
  }

  /** Hand stored bytes on with the offset that each run of them has in the file. */
  deliver(chunk: Buffer, data: (chunk: Buffer, offset: number) => void): void {
    let rest = this.#prefix === undefined ? chunk : this.#takeMap(chunk);
    while (rest.length > 0) {
      const offset = this.#regions[this.#region];
      const length = this.#regions[this.#region + 1];
      if (offset === undefined || length === undefined) throw invalidHeader("sparse file is longer than its map");
      const part = rest.subarray(0, length - this.#used);
      if (part.length > 0) data(part, offset + this.#used);
      this.#used += part.length;
      rest = rest.subarray(part.length);
      if (this.#used === length) {
        this.#region += 2;
        this.#used = 0;
      }
    }
  }

  /** Say that all stored bytes were delivered. @throws {BerthError} invalid-argument, when the map tells of more */
  finish(): void {
    const rest = this.#regions.slice(this.#region).filter((_, i) => i % 2 === 1);
    const left = rest.reduce((sum, length) => sum + length, 0) - this.#used;
    if (this.#prefix !== undefined || left > 0) throw invalidHeader("sparse file is shorter than its map");
  }

  /** Format 1.0: a count, then offsets and lengths, a decimal line each, padded to a whole block. */
  #takeMap(chunk: Buffer): Buffer {
    const all = Buffer.concat([this.#prefix ?? Buffer.alloc(0), chunk]);
    let at = 0;
    let wanted = 1;
    for (let lines = 0; lines < wanted; lines++) {
      const end = all.indexOf(10, at);
      if (end < 0) {
        if (all.length > limits.sparseMap) throw invalidHeader("sparse map is too long");
        this.#regions.length = 0;
        this.#prefix = all;
        return all.subarray(all.length);
      }
      const value = paxInteger(all.toString("latin1", at, end));
      if (value < 0) throw invalidHeader("malformed sparse map");
      if (lines === 0) wanted = 1 + 2 * value;
      else this.#regions.push(value);
      at = end + 1;
    }
    const start = Math.ceil(at / blockSize) * blockSize;
    if (all.length < start) {
      this.#regions.length = 0;
      this.#prefix = all;
      return all.subarray(all.length);
    }
    this.#prefix = undefined;
    this.#check();
    return all.subarray(start);
  }

  #check(): void {
    if (this.#regions.length % 2 !== 0) throw invalidHeader("malformed sparse map");
    for (let i = 0, end = 0; i < this.#regions.length; i += 2) {
      const offset = this.#regions[i] ?? 0;
      const length = this.#regions[i + 1] ?? 0;
      if (offset < end || length < 0 || offset + length > this.size) throw invalidHeader("malformed sparse map");
      end = offset + length;
    }
  }
}

/** Whether another block of regions follows a header or block of GNU's old sparse format. */
export function hasMoreRegions(block: Buffer, kind: "header" | "extension"): boolean {
  return block[kind === "header" ? 482 : 504] !== 0;
}

/** Name of a sparse file in PAX format 1.0, whose header has an invented one. */
export function sparseName(records: PaxRecords): ByteString | undefined {
  return records.get("GNU.sparse.name");
}

function regionsIn(block: Buffer, start: number, count: number): number[] {
  const regions: number[] = [];
  for (let i = 0, at = start; i < count && block[at] !== 0; i++, at += 24) {
    regions.push(number(block, at, 12), number(block, at + 12, 12));
  }
  return regions;
}
