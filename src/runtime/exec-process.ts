import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Operation } from "../base/operation.ts";
import type { ProcessSpec } from "../oci/runtime-spec.ts";
import { startError } from "./runtime-error.ts";

/** Where the streams of a process in a container go. */
export interface ExecIO extends Pick<Operation, "signal"> {
  /** `inherit`: the caller's own streams, which the runtime puts into raw mode where they are a terminal. */
  readonly stdin: Readable | "inherit" | "null";
  readonly stdout: Writable | "inherit" | "null";
  readonly stderr: Writable | "inherit" | "null";
  /** Don't wait for its end: `exec` resolves with 0 when it runs. */
  readonly detach?: boolean;
}

/** Run a process in a container by the runtime itself, which stays until its end. */
export async function execProcess(
  deps: { readonly runtime: readonly string[]; readonly directory: string },
  subject: { readonly id: string; readonly process: ProcessSpec },
  io: ExecIO,
): Promise<number> {
  const path = join(deps.directory, randomUUID());
  const log = `${path}.log`;
  await writeFile(path, JSON.stringify(subject.process), { mode: 0o600 });
  try {
    const [program = "", ...args] = [
      ...deps.runtime,
      `--log=file:${log}`,
      "exec",
      `--process=${path}`,
      ...(subject.process.terminal ? ["--tty"] : []),
      ...(io.detach === true ? ["--detach"] : []),
      subject.id,
    ];
    const code = await spawnWith(program, args, io);
    if (code !== 0) {
      const text = await readFile(log, "utf8").catch(() => "");
      if (text.trim() !== "") throw startError(text, subject.process.args[0] ?? "");
    }
    return code;
  } finally {
    await Promise.all([rm(path, { force: true }), rm(log, { force: true })]);
  }
}

async function spawnWith(program: string, args: readonly string[], io: ExecIO): Promise<number> {
  const child = spawn(program, args, {
    stdio: [streamKind(io.stdin), streamKind(io.stdout), streamKind(io.stderr)],
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  if (typeof io.stdin !== "string" && child.stdin !== null) {
    // A process that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => undefined);
    io.stdin.pipe(child.stdin);
  }
  if (typeof io.stdout !== "string") child.stdout?.pipe(io.stdout, { end: false });
  if (typeof io.stderr !== "string") child.stderr?.pipe(io.stderr, { end: false });
  return await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, killedBy) => resolve(code ?? (killedBy === null ? 255 : 137)));
  });
}

function streamKind(stream: unknown): "pipe" | "inherit" | "ignore" {
  if (stream === "inherit") return "inherit";
  return stream === "null" ? "ignore" : "pipe";
}
