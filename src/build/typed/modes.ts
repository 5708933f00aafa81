import { BerthError } from "../../base/errors.ts";

/** Permissions as Node has them: a number such as `0o755`, or octal digits such as `"755"`. */
export type FileMode = number | string;

/** @throws {BerthError} invalid-argument, for what is no mode */
export function modeOf(mode: FileMode): number {
  const number = typeof mode === "number" ? mode : /^[0-7]+$/.test(mode) ? Number.parseInt(mode, 8) : Number.NaN;
  if (Number.isInteger(number) && number >= 0 && number <= 0o7777) return number;
  throw new BerthError("invalid-argument", `${JSON.stringify(mode)} is no mode of a file`, {
    hint: 'Write 0o755, or "755".',
  });
}

/** A number as a flag has it. @throws {BerthError} invalid-argument, for what is no mode */
export function modeText(mode: number): string {
  return modeOf(mode).toString(8);
}
