import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";

/** How a helper program ended. */
export interface Exited {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@link exec} takes beside the argument vector. */
export interface ExecOptions extends Operation {
  /** Written to the program's standard input, which is then closed. */
  readonly stdin?: string;
  readonly cwd?: string;
  /** The whole environment of the program; the caller's when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Most bytes that it may write to either output: with more, it is ended. Any number when absent. */
  readonly maxOutput?: number;
}

/** A helper program failed: not found, or an exit code other than 0. */
export class ExecError extends BerthError {
  override readonly name = "ExecError";
  readonly argv: readonly string[];
  /** Exit code, or 128 and the signal's number; undefined when it could not be started. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;

  constructor(
    argv: readonly string[],
    code: number | undefined,
    { stdout = "", stderr = "" }: Partial<Pick<Exited, "stdout" | "stderr">> = {},
    cause?: unknown,
  ) {
    const why = code === undefined ? "could not be started" : `exit code ${code}`;
    super("internal", `${argv.slice(0, 4).join(" ")}: ${why}${stderr === "" ? "" : `: ${stderr.trim()}`}`, {
      cause,
      ...(code === undefined ? { hint: "`berth doctor` tells what is missing and how to install it." } : {}),
    });
    this.argv = argv;
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

/** Time between SIGTERM and SIGKILL for a program that was cancelled, milliseconds. */
const patience = 5_000;

/**
 * Run a helper program to its end.
 *
 * @throws {ExecError} when it can't be started or ends with anything but 0
 * @throws the signal's reason, when it was cancelled
 */
export async function exec(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<Exited> {
  const { signal, stdin, cwd, env, maxOutput = Number.POSITIVE_INFINITY } = options;
  signal?.throwIfAborted();
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  // What it has started may hold the other ends open.
  const stopReading = (): void => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  const stop = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => {
      child.kill("SIGKILL");
      stopReading();
    }, patience).unref();
  };
  let exceeded = false;
  const output = (stream: Readable | null): Promise<string> =>
    outputOf(stream, maxOutput, () => {
      exceeded = true;
      stop();
      stopReading();
    });
  signal?.addEventListener("abort", stop, { once: true });
  try {
    // A program that ends without reading its input is judged by its exit code.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin);
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", (error) => reject(new ExecError(argv, undefined, {}, error)));
      child.once("close", (code, killedBy) =>
        resolve(code ?? 128 + (killedBy === null ? 127 : constants.signals[killedBy])),
      );
    });
    const [code, stdout, stderr] = await Promise.all([ended, output(child.stdout), output(child.stderr)]);
    signal?.throwIfAborted();
    if (exceeded) throw new ExecError(argv, code, { stderr: `more than ${maxOutput} bytes of output` });
    if (code !== 0) throw new ExecError(argv, code, { stdout, stderr });
    return { code, stdout, stderr };
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** As `text` of node:stream/consumers, which brings in the web streams: 3 ms of every start. Of more than `most` bytes the rest is dropped. */
async function outputOf(stream: Readable | null, most: number, onExcess: () => void): Promise<string> {
  if (stream === null) return "";
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > most) onExcess();
    else chunks.push(chunk);
  });
  await once(stream, "close");
  return Buffer.concat(chunks).toString();
}
