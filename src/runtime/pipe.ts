import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Syscalls } from "../host/syscalls.ts";

/** A pipe that another process writes to. Disposing closes both ends that this one has. */
export interface Pipe extends Disposable {
  /** Descriptor for the other process. */
  readonly writeEnd: number;
  /** Close this process's copy of it: the other has its own. */
  handedOver(): void;
  readonly reader: Socket;
  /** Settles when every write end is closed and all was read. */
  readonly ended: Promise<void>;
}

/** Make a pipe. */
export function openPipe(syscalls: Pick<Syscalls, "pipe">): Pipe {
  const { readEnd, writeEnd } = syscalls.pipe();
  const reader = new Socket({ fd: readEnd, readable: true, writable: false });
  const ended = new Promise<void>((resolve, reject) => {
    reader.once("close", () => resolve());
    reader.once("error", reject);
  });
  let isOurs = true;
  const handedOver = (): void => {
    if (isOurs) closeSync(writeEnd);
    isOurs = false;
  };
  return {
    writeEnd,
    handedOver,
    reader,
    ended,
    [Symbol.dispose]: () => {
      handedOver();
      reader.destroy();
    },
  };
}
