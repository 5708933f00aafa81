import { type Berth, openBerthWithBusybox } from "./berth.ts";
import { type Docker, type NoDocker, openDocker } from "./docker.ts";
import { messageAsToday } from "./docker-age.ts";
import { enterPrivateNetwork } from "./private-network.ts";
import type { Outcome, Start } from "./program.ts";

/** berth and a real Docker side by side, both with the image `busybox:latest`. */
export interface Twins extends AsyncDisposable {
  readonly berth: Berth;
  readonly docker: Docker;
  /** The same command to both at once. */
  readonly both: (args: readonly string[], start?: Start) => Promise<Pair<Outcome>>;
  /** The same command to both at once, and what they printed on stdout. @throws with what was printed when one fails */
  readonly ok: (args: readonly string[], start?: Start) => Promise<Pair<string>>;
}

/** What the two did. */
export interface Pair<T> {
  readonly berth: T;
  readonly docker: T;
}

/**
 * Start both in a network of their own; undefined, and a loud line, where Docker can't start.
 *
 * @param programs of Docker, as `dockerOf` has them
 * @param flags of its daemon
 */
export async function openTwins(
  programs: string | NoDocker = "/",
  flags: readonly string[] = [],
): Promise<Twins | undefined> {
  if (process.getuid?.() !== 0) return skipped("it needs root");
  enterPrivateNetwork();
  const docker = await openDocker(flags, programs);
  if ("reason" in docker) return skipped(docker.reason);
  const berth = await openBerthWithBusybox();
  const both: Twins["both"] = async (args, start) => {
    const [mine, other] = await Promise.all([berth.run(args, start), docker.run(args, start)]);
    return { berth: mine, docker: other };
  };
  return {
    berth,
    docker,
    both,
    ok: async (args, start) => {
      const outcomes = await both(args, start);
      return { berth: succeeded("berth", args, outcomes.berth), docker: succeeded("docker", args, outcomes.docker) };
    },
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

function succeeded(program: string, args: readonly string[], { code, stdout, stderr }: Outcome): string {
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

/** What two outcomes are compared by: Docker's in the words of today; engines' names, pointers to help, hints and IDs taken out. */
export function comparable({ berth, docker }: Pair<Outcome>): Pair<Outcome> {
  return { berth: withoutNames(berth, (text) => text), docker: withoutNames(docker, messageAsToday) };
}

function withoutNames({ code, stdout, stderr }: Outcome, rewrite: (line: string) => string): Outcome {
  const lines = stderr
    .replaceAll("berth", "docker")
    // What comes after it is help, which has its own words in each version.
    .replace(/^Usage: [\s\S]*/m, "")
    .split("\n")
    .filter((line) => line !== "" && !/^(hint: |See '|Run '|time=)/.test(line))
    .map((line) =>
      withoutIDs(
        rewrite(line)
          .replace(/^docker: /, "")
          .replace(/\.$/, ""),
      ),
    );
  return { code, stdout: withoutIDs(stdout), stderr: lines.join("\n") };
}

function withoutIDs(text: string): string {
  return text.replace(/\b(sha256:)?[0-9a-f]{64}\b/g, "ID").replace(/\b[0-9a-f]{12}\b/g, "SHORT");
}
