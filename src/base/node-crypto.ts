import type * as Crypto from "node:crypto";

/** Node's cryptography, loaded when it is first used: that takes 4 ms, which a command that only looks need not pay. */
export function nodeCrypto(): typeof Crypto {
  return process.getBuiltinModule("node:crypto");
}
