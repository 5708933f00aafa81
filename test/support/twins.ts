import { type Berth, openBerthWithBusybox } from "./berth.ts";
import { type Docker, openDocker } from "./docker.ts";
import { enterPrivateNetwork } from "./private-network.ts";
import type { Outcome, Start } from "./program.ts";

/** berth and a real Docker side by side, both with the image `busybox:latest`. */
export interface Twins extends AsyncDisposable {
  readonly berth: Berth;
  readonly docker: Docker;
  /** The same command to both, one after the other. */
  readonly both: (args: readonly string[], start?: Start) => Promise<Pair<Outcome>>;
}

/** What the two did. */
export interface Pair<T> {
  readonly berth: T;
  readonly docker: T;
}

/** Start both in a network of their own; undefined, and a loud line, where Docker can't start. */
export async function openTwins(): Promise<Twins | undefined> {
  if (process.getuid?.() !== 0) return skipped("it needs root");
  enterPrivateNetwork();
  const docker = await openDocker();
  if ("reason" in docker) return skipped(docker.reason);
  const berth = await openBerthWithBusybox();
  return {
    berth,
    docker,
    both: async (args, start) => ({ docker: await docker.run(args, start), berth: await berth.run(args, start) }),
    async [Symbol.asyncDispose]() {
      await berth[Symbol.asyncDispose]();
      await docker[Symbol.asyncDispose]();
    },
  };
}

function skipped(reason: string): undefined {
  process.stderr.write(`\n*** SKIPPED: no comparison with Docker: ${reason} ***\n\n`);
  return undefined;
}

/** What an outcome is compared by: the engine's name, help pointers, hints and IDs, which may differ, are taken out. */
export function comparable({ code, stdout, stderr }: Outcome): Outcome {
  return { code, stdout: withoutIDs(stdout), stderr: withoutIDs(message(stderr)) };
}

/** Lines that only point to help differ between Docker's own versions, as does a full stop at the end. */
function message(stderr: string): string {
  return stderr
    .replaceAll("berth", "docker")
    .split("\n")
    .filter((line) => line !== "" && !/^(hint: |Usage: |See '|Run ')/.test(line))
    .map((line) => line.replace(/^(docker: )?(Error response from daemon: )?/, "").replace(/\.$/, ""))
    .join("\n");
}

function withoutIDs(text: string): string {
  return text.replace(/\b(sha256:)?[0-9a-f]{64}\b/g, "ID").replace(/\b[0-9a-f]{12}\b/g, "SHORT");
}
