import { execFileSync } from "node:child_process";

/** `bytes` as xz compresses them. */
export function xz(bytes: Buffer): Buffer {
  return execFileSync("xz", ["-c"], { input: bytes });
}

/** `bytes` as bzip2 compresses them. */
export function bzip2(bytes: Buffer): Buffer {
  return execFileSync("bzip2", ["-c"], { input: bytes });
}
