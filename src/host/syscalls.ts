/** A failed system call. `code` is the errno's name (`ENOENT`), as in Node's own errors. */
export class SyscallError extends Error {
  override readonly name: string = "SyscallError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;

  /** @param errno positive, as in `<errno.h>` */
  constructor(syscall: string, errno: number, code: string, path?: string) {
    super(path === undefined ? `${code}: ${syscall}` : `${code}: ${syscall} '${path}'`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
    this.path = path;
  }
}

/** Path of a file; a Buffer where the name need not be UTF-8. */
export type PathLike = string | Buffer;

/** The kernel calls that Node has not, as one replaceable object. All are synchronous, none follows a symlink. */
export interface Syscalls {
  /** mknod(2). `mode` holds the type bits (`0o020000` character, `0o060000` block, `0o010000` FIFO). */
  mknod(path: PathLike, mode: number, major: number, minor: number): void;
  /** lsetxattr(2). */
  lsetxattr(path: PathLike, name: string, value: Uint8Array): void;
  /** lgetxattr(2); undefined when the attribute is not there. */
  lgetxattr(path: PathLike, name: string): Buffer | undefined;
  /** llistxattr(2). */
  llistxattr(path: PathLike): readonly string[];
  /** lremovexattr(2). */
  lremovexattr(path: PathLike, name: string): void;
  /** utimensat(2) with AT_SYMLINK_NOFOLLOW; nanoseconds since the epoch, negative before it. */
  lutimes(path: PathLike, atimeNs: bigint, mtimeNs: bigint): void;
  /** Non-blocking flock(2), exclusive or shared; false when another process holds it. Freed when `fd` is closed. */
  tryFlock(fd: number, kind: "exclusive" | "shared"): boolean;
  /** syncfs(2) on the file system that holds `fd`. */
  syncfs(fd: number): void;
  /** socket(2) and connect(2) of a SOCK_SEQPACKET unix socket; the descriptor, close-on-exec. */
  connectSeqpacket(path: string): number;
  /** TIOCGWINSZ on a terminal; undefined when `fd` is none. */
  windowSize(fd: number): { readonly rows: number; readonly columns: number } | undefined;
}
