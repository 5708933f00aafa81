import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { session } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { outputInto } from "./testing.ts";

const options = { tty: true, stdin: true, stdout: true, stderr: true, detachKeys: undefined, kill: undefined };

test("the detach keys leave a process that is still being connected to", async () => {
  const stdin = new PassThrough();
  const io: Terminal = {
    stdin,
    stdout: outputInto(new PassThrough()),
    stderr: outputInto(new PassThrough()),
    env: {},
    setVariable: () => undefined,
    cwd: "/",
    onSignals: () => ({ [Symbol.dispose]: () => undefined }),
  };
  let disposed = false;
  const how = await session(io, {
    ...options,
    connect: async () => {
      stdin.write("\x10\x11");
      await turn();
      return {
        ended: new Promise<void>(() => undefined),
        resize: async () => undefined,
        [Symbol.dispose]: () => {
          disposed = true;
        },
      };
    },
  });
  expect({ how, disposed }).toEqual({ how: "detached", disposed: true });
});
