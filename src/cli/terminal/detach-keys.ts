import { BerthError } from "../../base/errors.ts";

/** What `--detach-keys` is unless it is given. */
export const defaultDetachKeys: string = "ctrl-p,ctrl-q";

const controls = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/**
 * The bytes of a key sequence: letters, or `ctrl-` and a letter or one of `@[\]^_`, with commas between.
 *
 * @throws {BerthError} invalid-argument, in Docker's words
 */
export function parseDetachKeys(text: string): Buffer {
  const codes = text.split(",").map((key) => {
    const control = key.startsWith("ctrl-") && key.length === 6 ? controls.indexOf(key.charAt(5)) : -1;
    if (control >= 0) return control;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    throw new BerthError("invalid-argument", `Invalid detach keys (${text}) provided`, {
      hint: `Give letters, or ctrl- and a letter, with commas between: ${defaultDetachKeys}.`,
    });
  });
  return Buffer.from(codes);
}

/** Looks for a key sequence in what is typed. */
export interface DetachFilter {
  /** Bytes to pass on; what may be the beginning of the sequence is held back. `detached` once the sequence is complete. */
  push(typed: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean };
}

/** A filter for `keys`, not empty. */
export function detachFilter(keys: Buffer): DetachFilter {
  let matched = 0;
  return {
    push: (typed) => {
      const pass: number[] = [];
      for (const byte of typed) {
        if (byte !== keys[matched]) {
          pass.push(...keys.subarray(0, matched));
          matched = 0;
        }
        if (byte === keys[matched]) matched++;
        else pass.push(byte);
        if (matched === keys.length) return { pass: Uint8Array.from(pass), detached: true };
      }
      return { pass: Uint8Array.from(pass), detached: false };
    },
  };
}
