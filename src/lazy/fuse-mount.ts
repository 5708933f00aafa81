import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, read, writeSync } from "node:fs";
import { promisify } from "node:util";
import { codeOf } from "../base/errors.ts";
import { ExecError } from "../host/exec.ts";
import { answerTo, type FuseRequest, opcodes, parseRequest } from "./fuse-protocol.ts";

/** What answers a request: with bytes, or an error's number. What is answered later must not look at the request's body then. */
export type FuseHandler = (request: FuseRequest) => Promise<Buffer | number> | Buffer | number;

/** A file system that this process serves. */
export interface FuseMount {
  /** Answer requests until nobody has use for the file system any more. */
  readonly serve: (handler: FuseHandler) => Promise<void>;
  /** Take it out of this process's namespace; whoever has it in use, as an overlay has, keeps it. */
  readonly detach: () => Promise<void>;
}

/** Bytes of a request: more than the kernel sends one who doesn't take writes. */
const requestSize = 1 << 16;

const device = "/dev/fuse";

/**
 * Mount a read-only file system on a directory, for every user.
 *
 * @throws {Error} with `code`, where there is no `/dev/fuse`; {@link ExecError}, where it can't be mounted
 * @see fuse(4)
 */
export async function mountFuse(directory: string): Promise<FuseMount> {
  const fd = openSync(device, "r+");
  try {
    const options = "ro,fd=3,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions";
    // -i: no helper of FUSE's; the kernel takes the descriptor of the process that mounts.
    await program(["mount", "-i", "-t", "fuse", "-o", options, "berth", directory], fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    serve: (handler) => serveRequests(fd, handler),
    detach: () => program(["umount", "-i", "-l", directory]),
  };
}

async function program(argv: readonly [string, ...string[]], fd?: number): Promise<void> {
  const [name, ...args] = argv;
  const child = spawn(name, args, { stdio: ["ignore", "ignore", "ignore", ...(fd === undefined ? [] : [fd])] });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new ExecError(argv, code ?? undefined);
}

const readAsync = promisify(read);

/** Answer the requests that come from `fd`, which is closed at the end: what is answered later than that goes nowhere. */
export async function serveRequests(fd: number, handler: FuseHandler): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(requestSize);
  let isOpen = true;
  try {
    for (;;) {
      const size = await nextRequest(fd, buffer);
      if (size === undefined) return;
      const request = parseRequest(buffer.subarray(0, size));
      const { opcode, unique } = request;
      // These have no answer. What is taken back is answered all the same, which does no harm.
      if (opcode === opcodes.forget || opcode === opcodes.batchForget || opcode === opcodes.interrupt) continue;
      const answer = handler(request);
      // The descriptor's number may be another file's by then.
      if (answer instanceof Promise) void answer.then((late) => isOpen && send(fd, unique, late));
      else send(fd, unique, answer);
    }
  } finally {
    isOpen = false;
    closeSync(fd);
  }
}

/** The length of a request; undefined when the file system is no longer mounted anywhere. */
async function nextRequest(fd: number, buffer: Buffer): Promise<number | undefined> {
  for (;;) {
    try {
      return (await readAsync(fd, buffer, 0, buffer.length, null)).bytesRead;
    } catch (error) {
      if (codeOf(error) === "ENODEV") return undefined;
      // A request that was taken back before it was read.
      if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EINTR" && codeOf(error) !== "EAGAIN") throw error;
    }
  }
}

function send(fd: number, unique: bigint, answer: Buffer | number): void {
  try {
    writeSync(fd, answerTo(unique, answer));
  } catch (error) {
    // Nobody waits for it any more: the request was taken back, or the file system is gone.
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENODEV" && codeOf(error) !== "EBADF") throw error;
  }
}
