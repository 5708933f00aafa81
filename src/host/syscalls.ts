import ffi from "node:ffi";
import { type BigIntStats, chmodSync, fchmodSync, fchownSync, lchownSync, lstatSync, type Stats } from "node:fs";
import { constants } from "node:os";
import { type CValue, cFunctions } from "../base/c-functions.ts";

/** A failed system call. `code` is the errno's name (`ENOENT`), as in Node's own errors. */
export class SyscallError extends Error {
  override readonly name: string = "SyscallError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;

  /** @param errno positive, as in `<errno.h>` */
  constructor(syscall: string, errno: number, path?: string) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(path === undefined ? `${code}: ${syscall}` : `${code}: ${syscall} '${path}'`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
    this.path = path;
  }
}

/** Path of a file; a Buffer where the name need not be UTF-8. */
export type PathLike = string | Buffer;

/**
 * The kernel calls that Node has not, and those that tell and set whose a file is and what kind, as one replaceable object: where the
 * kernel refuses, what it was to hold can be kept elsewhere. All are synchronous, none follows a symlink.
 */
export interface Syscalls {
  /** False where owners that aren't this process's can't be given. */
  readonly canChown: boolean;
  /** True where what the kernel refuses is kept: only these calls tell what a file is. */
  readonly keeps: boolean;
  /** lstat(2); undefined where nothing is. */
  lstat(path: PathLike): Stats | undefined;
  /** The same, numbers and times exact. */
  lstatExact(path: PathLike): BigIntStats | undefined;
  /** lchown(2). @param fd the file itself, where it is open: the cheaper way */
  lchown(path: PathLike, uid: number, gid: number, fd?: number): void;
  /** chmod(2) of what is no link. @param fd the file itself, where it is open: the cheaper way */
  chmod(path: PathLike, mode: number, fd?: number): void;
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
  /** futimens(2); nanoseconds since the epoch, negative before it. */
  futimes(fd: number, atimeNs: bigint, mtimeNs: bigint): void;
  /** Non-blocking flock(2), exclusive or shared; false when another process holds it. Freed when `fd` is closed. */
  tryFlock(fd: number, kind: "exclusive" | "shared"): boolean;
  /** socket(2) and connect(2) of a SOCK_SEQPACKET unix socket; the descriptor, close-on-exec. */
  connectSeqpacket(path: string): number;
  /** pipe2(2), close-on-exec. Node's own are sockets, which a process can't open again as `/dev/stdout`. */
  pipe(): { readonly readEnd: number; readonly writeEnd: number };
  /** shutdown(2) of a socket in both directions: whoever reads from it gets its end, another thread too. */
  shutdown(fd: number): void;
  /** TIOCGWINSZ on a terminal; undefined when `fd` is none. */
  windowSize(fd: number): { readonly rows: number; readonly columns: number } | undefined;
  /**
   * Switch a terminal to raw mode: every byte goes through as it is, in both directions.
   *
   * @returns how to give it back its modes; undefined when `fd` is no terminal
   * @see termios(3), cfmakeraw
   */
  makeRaw(fd: number): (() => void) | undefined;
  /**
   * Have a terminal no longer show what is typed, all else as before.
   *
   * @returns how to give it back its modes; undefined when `fd` is no terminal
   */
  hideInput(fd: number): (() => void) | undefined;
  /**
   * FS_IOC_SETFLAGS: say that what is in the directory `fd` has nothing to do with each other, so that ext4 makes it in
   * other places of the disk (chattr +T). False on file systems that have no such flag, and where the caller may not.
   */
  spread(fd: number): boolean;
  /** Whether a pipe or a socket takes 4096 bytes without a wait, or tells at once that nobody reads from it: poll(2). */
  hasRoom(fd: number): boolean;
  /** _exit(2): end this process as it is, without what Node does then. */
  exit(code: number): void;
  /** Bytes that lie in a pipe, not yet read: FIONREAD. */
  unread(fd: number): number;
  /** What a socket has sent and its peer has not taken yet, 0 when all is taken: SIOCOUTQ. */
  unsent(fd: number): number;
}

/**
 * Every system call that is made as a C function. Misspelt keys here give garbage in silence: this is the place to get them right. Results are `i32`,
 * lengths too, which are small here: a 64-bit one is an object, and making that may collect garbage before `errno` is read.
 */
const functions = cFunctions({
  __errno_location: { return: "pointer", arguments: [] },
  mknod: { return: "i32", arguments: ["buffer", "u32", "u64"] },
  lsetxattr: { return: "i32", arguments: ["buffer", "string", "buffer", "u64", "i32"] },
  lgetxattr: { return: "i32", arguments: ["buffer", "string", "buffer", "u64"] },
  llistxattr: { return: "i32", arguments: ["buffer", "buffer", "u64"] },
  lremovexattr: { return: "i32", arguments: ["buffer", "string"] },
  utimensat: { return: "i32", arguments: ["i32", "buffer", "buffer", "i32"] },
  futimens: { return: "i32", arguments: ["i32", "buffer"] },
  flock: { return: "i32", arguments: ["i32", "i32"] },
  socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
  connect: { return: "i32", arguments: ["i32", "buffer", "u32"] },
  pipe2: { return: "i32", arguments: ["buffer", "i32"] },
  shutdown: { return: "i32", arguments: ["i32", "i32"] },
  close: { return: "i32", arguments: ["i32"] },
  ioctl: { return: "i32", arguments: ["i32", "u64", "buffer"] },
  _exit: { return: "i32", arguments: ["i32"] },
  poll: { return: "i32", arguments: ["buffer", "u64", "i32"] },
});

const errnoNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
);

const { ENODATA, EWOULDBLOCK, ERANGE } = constants.errno;
const atFdcwd = -100;
const atSymlinkNofollow = 0x100;
const lockExclusive = 2;
const lockShared = 1;
const lockNonblocking = 4;
const afUnix = 1;
const closeOnExec = 0o2000000;
const seqpacketCloexec = 5 | closeOnExec;
const shutdownBoth = 2;
const tcgets = 0x5401n;
const tcsets = 0x5402n;
const tiocgwinsz = 0x5413n;
const pollOut = 4;
const fionread = 0x541bn;
const siocoutq = 0x5411n;
const getFlags = 0x80086601n;
const setFlags = 0x40086602n;
const topDirectory = 0x20000;
const longestSocketPath = 107;
/** Most bytes of one attribute, and of a file's list of names: XATTR_SIZE_MAX. */
const xattrLimit = 65536;

type CallName = Exclude<keyof typeof functions, "__errno_location">;

/** Where this thread has its `errno`, for all its life. */
let errnoLocation = 0n;
/** Of the last call that failed. */
let errno = 0;

/**
 * Call a function. `errno` is read in here: to enter another function may be the moment at which this thread collects garbage.
 *
 * @returns its result; where that is negative, `errno` is set
 */
function call(name: CallName, ...values: readonly CValue[]): number {
  if (errnoLocation === 0n) errnoLocation = BigInt(functions.__errno_location());
  const result = Number(functions[name](...values));
  if (!(result >= 0)) errno = ffi.getInt32(errnoLocation);
  return result;
}

const orNothing = { throwIfNoEntry: false } as const;

/** The kernel that this process runs on. */
export const linux: Syscalls = {
  canChown: process.getuid?.() === 0,
  keeps: false,
  lstat: (path) => lstatSync(path, orNothing),
  lstatExact: (path) => lstatSync(path, { bigint: true, throwIfNoEntry: false }),
  lchown: (path, uid, gid, fd) => {
    if (fd === undefined) lchownSync(path, uid, gid);
    else fchownSync(fd, uid, gid);
  },
  chmod: (path, mode, fd) => {
    if (fd === undefined) chmodSync(path, mode);
    else fchmodSync(fd, mode);
  },
  mknod: (path, mode, major, minor) => {
    check("mknod", path, cPath(path), mode, makeDevice(major, minor));
  },
  lsetxattr: (path, name, value) => {
    check("lsetxattr", path, cPath(path), name, value, BigInt(value.length), 0);
  },
  lgetxattr,
  llistxattr,
  lremovexattr: (path, name) => {
    check("lremovexattr", path, cPath(path), name);
  },
  lutimes: (path, atimeNs, mtimeNs) => {
    check("utimensat", path, atFdcwd, cPath(path), timesOf(atimeNs, mtimeNs), atSymlinkNofollow);
  },
  futimes: (fd, atimeNs, mtimeNs) => {
    check("futimens", undefined, fd, timesOf(atimeNs, mtimeNs));
  },
  tryFlock: (fd, kind) => {
    const operation = (kind === "exclusive" ? lockExclusive : lockShared) | lockNonblocking;
    // Once in a thousand commands under load there was an error that flock(2) doesn't have: what is real is there again.
    for (const isLast of [false, true]) {
      if (call("flock", fd, operation) === 0) return true;
      if (errno === EWOULDBLOCK) return false;
      if (isLast) break;
    }
    throw new SyscallError("flock", errno);
  },
  connectSeqpacket,
  pipe: () => {
    const ends = Buffer.alloc(8);
    check("pipe2", undefined, ends, closeOnExec);
    return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
  },
  shutdown: (fd) => {
    check("shutdown", undefined, fd, shutdownBoth);
  },
  hasRoom: (fd) => {
    const asked = Buffer.alloc(8);
    asked.writeInt32LE(fd);
    asked.writeInt16LE(pollOut, 4);
    return call("poll", asked, 1n, 0) > 0;
  },
  exit: (code) => {
    call("_exit", code);
  },
  unread: (fd) => queued(fd, fionread),
  unsent: (fd) => queued(fd, siocoutq),
  spread: (fd) => {
    const flags = Buffer.alloc(8);
    if (call("ioctl", fd, getFlags, flags) !== 0) return false;
    flags.writeInt32LE(flags.readInt32LE(0) | topDirectory);
    return call("ioctl", fd, setFlags, flags) === 0;
  },
  windowSize: (fd) => {
    const size = Buffer.alloc(8);
    if (call("ioctl", fd, tiocgwinsz, size) !== 0) return undefined;
    return { rows: size.readUInt16LE(0), columns: size.readUInt16LE(2) };
  },
  makeRaw,
  hideInput,
};

/** Filled by one call and read before the next: one of its own for each would be most of what a look costs. */
const valueBuffer = Buffer.allocUnsafeSlow(xattrLimit);

function lgetxattr(path: PathLike, name: string): Buffer | undefined {
  const size = call("lgetxattr", cPath(path), name, valueBuffer, BigInt(valueBuffer.length));
  if (size >= 0) return Buffer.from(valueBuffer.subarray(0, size));
  if (errno === ENODATA) return undefined;
  throw new SyscallError("lgetxattr", errno, String(path));
}

const listBuffer = Buffer.alloc(1024);

function llistxattr(path: PathLike): readonly string[] {
  const cString = cPath(path);
  let names = listBuffer;
  let size = call("llistxattr", cString, names, BigInt(names.length));
  if (size < 0 && errno === ERANGE) {
    names = Buffer.alloc(xattrLimit);
    size = call("llistxattr", cString, names, BigInt(names.length));
  }
  if (size < 0) throw new SyscallError("llistxattr", errno, String(path));
  return size === 0 ? [] : names.toString("utf8", 0, size - 1).split("\0");
}

function connectSeqpacket(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length > longestSocketPath) throw new SyscallError("connect", constants.errno.ENAMETOOLONG, path);
  const fd = call("socket", afUnix, seqpacketCloexec, 0);
  if (fd < 0) throw new SyscallError("socket", errno);
  const address = Buffer.alloc(2 + longestSocketPath + 1);
  address.writeUInt16LE(afUnix);
  bytes.copy(address, 2);
  if (call("connect", fd, address, address.length) === 0) return fd;
  const error = new SyscallError("connect", errno, path);
  call("close", fd);
  throw error;
}

/** The kernel's `struct termios`: four words of flags, a byte for the line discipline, then the control characters. */
const termios = { size: 64, iflag: 0, oflag: 4, cflag: 8, lflag: 12, vtime: 17 + 5, vmin: 17 + 6 } as const;
/** IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IXON. */
const cookedInput = 0o2753;
const postProcess = 0o1;
/** ISIG, ICANON, ECHO, ECHONL, IEXTEN. */
const cookedLocal = 0o100113;
/** ECHO. */
const echo = 0o10;
/** CSIZE and PARENB. */
const sizeAndParity = 0o460;
const eightBits = 0o60;

/** Changes one word of flags: which bits go, and which come. */
type ChangeFlags = (at: number, cleared: number, set?: number) => void;

function makeRaw(fd: number): (() => void) | undefined {
  return changeModes(fd, (modes, change) => {
    change(termios.iflag, cookedInput);
    change(termios.oflag, postProcess);
    change(termios.lflag, cookedLocal);
    change(termios.cflag, sizeAndParity, eightBits);
    modes[termios.vmin] = 1;
    modes[termios.vtime] = 0;
  });
}

function hideInput(fd: number): (() => void) | undefined {
  return changeModes(fd, (_, change) => change(termios.lflag, echo));
}

function changeModes(fd: number, edit: (modes: Buffer, change: ChangeFlags) => void): (() => void) | undefined {
  const before = Buffer.alloc(termios.size);
  if (call("ioctl", fd, tcgets, before) !== 0) return undefined;
  const modes = Buffer.from(before);
  edit(modes, (at, cleared, set = 0) => {
    modes.writeUInt32LE(((modes.readUInt32LE(at) & ~cleared) | set) >>> 0, at);
  });
  check("ioctl", undefined, fd, tcsets, modes);
  // The terminal may be gone by then.
  return () => void call("ioctl", fd, tcsets, before);
}

function queued(fd: number, request: bigint): number {
  const count = Buffer.alloc(8);
  check("ioctl", undefined, fd, request, count);
  return count.readInt32LE(0);
}

/** A call that may not fail. @throws {SyscallError} */
function check(name: CallName, path: PathLike | undefined, ...values: readonly CValue[]): void {
  if (call(name, ...values) !== 0) throw new SyscallError(name, errno, path === undefined ? path : String(path));
}

/** Filled for one call, which is done with it: a buffer of its own for each would be most of what a call costs. */
const pathBuffer = Buffer.allocUnsafeSlow(4096);

function cPath(path: PathLike): Buffer {
  if (path.includes("\0")) throw new SyscallError("path", constants.errno.EINVAL, String(path));
  // A character takes three bytes at most.
  if (typeof path !== "string" || 3 * path.length >= pathBuffer.length)
    return Buffer.concat([typeof path === "string" ? Buffer.from(path) : path, Buffer.alloc(1)]);
  pathBuffer[pathBuffer.write(path)] = 0;
  return pathBuffer;
}

/** Two `struct timespec`, filled by one call and read by the next. */
const timesBuffer = new BigInt64Array(4);
const timesBytes = new Uint8Array(timesBuffer.buffer);
const second = 1_000_000_000n;

function timesOf(atimeNs: bigint, mtimeNs: bigint): Uint8Array {
  for (const [at, nanoseconds] of [atimeNs, mtimeNs].entries()) {
    const rest = ((nanoseconds % second) + second) % second;
    timesBuffer[2 * at] = (nanoseconds - rest) / second;
    timesBuffer[2 * at + 1] = rest;
  }
  return timesBytes;
}

/** The number of a device. @see makedev(3) */
export function makeDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}
