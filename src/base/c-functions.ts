import ffi from "node:ffi";

/** Types of what a C function takes and returns, in the words of Node's `ffi`. */
export interface CSignature {
  readonly return: "i32" | "pointer";
  readonly arguments: readonly ("i32" | "u32" | "u64" | "buffer" | "string")[];
}

/** What a C function takes. */
export type CValue = number | bigint | string | Uint8Array;

/** A C function. Its result is a number for `i32`, else a bigint. */
export type CFunction = (...values: readonly CValue[]) => number | bigint;

let program: ffi.DynamicLibrary | undefined;

/**
 * C functions that are part of this process: Node's own libraries and the system's. Each is looked up when it is first used,
 * as that alone takes a tenth of a millisecond.
 *
 * @param signatures what doesn't fit the function gives garbage in silence
 */
export function cFunctions<Name extends string>(
  signatures: Readonly<Record<Name, CSignature>>,
): Readonly<Record<Name, CFunction>> {
  const functions = {};
  for (const name of Object.keys(signatures) as Name[]) {
    Object.defineProperty(functions, name, {
      configurable: true,
      get: () => {
        program ??= new ffi.DynamicLibrary(null);
        const value = program.getFunction(name, signatures[name]);
        Object.defineProperty(functions, name, { value });
        return value;
      },
    });
  }
  return functions as Readonly<Record<Name, CFunction>>;
}
