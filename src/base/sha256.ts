import { cFunctions } from "./c-functions.ts";

const openssl = cFunctions({ SHA256: { return: "pointer", arguments: ["buffer", "u64", "buffer"] } });

/** Bytes of a SHA-256. */
const size = 32;

/**
 * SHA-256 of `bytes` (text as UTF-8), in hex: what is small and in memory. Of OpenSSL within Node, since loading `node:crypto` takes
 * longer than a command that is done at once hashes.
 *
 * @see FIPS 180-4
 */
export function sha256(bytes: Uint8Array | string): string {
  const input = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  const digest = Buffer.allocUnsafe(size);
  if (openssl.SHA256(input, BigInt(input.length), digest) === 0n) throw new Error("OpenSSL has no SHA-256 here");
  return digest.toString("hex");
}
