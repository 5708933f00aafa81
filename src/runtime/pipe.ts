import { constants, openSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";
import type { Syscalls } from "../host/syscalls.ts";

/** A pipe as the kernel's pipe(2) makes it. Node's own are sockets, which a process can't open again as `/dev/stdout`. */
export interface Pipe {
  /** Descriptor for the other process; the caller closes its own copy. */
  readonly writeEnd: number;
  readonly reader: Socket;
  /** Settles when every write end is closed and all was read. */
  readonly ended: Promise<void>;
}

/** Make a pipe. `path` is a name that is free for a moment. */
export function openPipe(syscalls: Pick<Syscalls, "mknod">, path: string): Pipe {
  syscalls.mknod(path, 0o010600, 0, 0);
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  unlinkSync(path);
  const reader = new Socket({ fd: readEnd, readable: true, writable: false });
  const ended = new Promise<void>((resolve, reject) => {
    reader.once("close", () => resolve());
    reader.once("error", reject);
  });
  return { writeEnd, reader, ended };
}
