import { CliError } from "../cli-error.ts";

const defaultDetachKeys = "ctrl-p,ctrl-q";

const controls = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/** The bytes of what `--detach-keys` says, Docker's own when it wasn't given. @throws {CliError} in Docker's words */
export function detachKeysOf(text: string | undefined): Buffer {
  return parseDetachKeys(text || defaultDetachKeys);
}

/**
 * The bytes of a key sequence: letters, `DEL`, or `ctrl-` and a letter or one of `@[\]^_`, with commas between.
 *
 * @throws {CliError} in Docker's words
 */
export function parseDetachKeys(text: string): Buffer {
  const codes = text.split(",").map((key) => {
    const control = key.startsWith("ctrl-") && key.length === 6 ? controls.indexOf(key.charAt(5)) : -1;
    if (control >= 0) return control;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    if (key === "DEL") return 127;
    throw new CliError(`invalid detach keys (${text}): Unknown character: '${key}'`, {
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
