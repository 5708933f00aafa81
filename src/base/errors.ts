/** Error families. Names follow containerd's errdefs, so that HTTP status and exit code are tables, not guesses. */
export type ErrorKind =
  | "not-found"
  | "already-exists"
  | "conflict"
  | "invalid-argument"
  | "failed-precondition"
  | "permission-denied"
  | "unimplemented"
  | "unavailable"
  | "canceled"
  | "data-loss"
  | "internal";

/** Everything that a {@link BerthError} may carry beside its kind and message. */
export interface ErrorDetails {
  readonly cause?: unknown;
  /** One sentence for the terminal that says what to do next; never part of the message that programs match. */
  readonly hint?: string;
}

/** An error that a user can act on. Bugs are plain `Error`s. */
export class BerthError extends Error {
  override readonly name: string = "BerthError";
  readonly kind: ErrorKind;
  readonly hint: string | undefined;

  /**
   * @param kind what family of failure this is
   * @param message Docker's text where Docker has one, without the `Error response from daemon:` in front
   */
  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.hint = details.hint;
  }
}

/** True when `error` or any `cause` below it is a {@link BerthError} of `kind`. */
export function isKind(error: unknown, kind: ErrorKind): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof BerthError && e.kind === kind) return true;
  return false;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error (`ENOENT`, `EEXIST`), or undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What to do about a disk that is full. */
export const fullDiskHint = "`berth system df` shows what takes space, `berth system prune` frees what nothing uses.";

/** A full disk, or a quota that is used up, as an error that a user can act on; anything else as it is. */
export function asFullDisk(error: unknown): unknown {
  const code = codeOf(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  const { syscall = "write", path } = error as NodeJS.ErrnoException;
  const where = path === undefined ? syscall : `${syscall} ${path}`;
  const what = code === "ENOSPC" ? "no space left on device" : "disk quota exceeded";
  return new BerthError("unavailable", `${where}: ${what}`, { cause: error, hint: fullDiskHint });
}
