import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Berth, openBerth, openBerthWithBusybox } from "./berth.ts";

/** Of each step the output differs each time that it runs: equal images had no step run for them. */
export const cachedDockerfile = `FROM busybox AS made
WORKDIR /src
COPY input .
RUN cat input > made && cat /proc/sys/kernel/random/uuid >> made
RUN cp made other
FROM busybox
RUN cat /proc/sys/kernel/random/uuid > /stamp
COPY --from=made /src/made /made
CMD ["cat", "/made"]
`;

/** What a build came to. */
export interface BuildOutcome {
  readonly code: number | null;
  readonly stderr: string;
  /** Names of the steps that were found in a cache, and of those that ran. */
  readonly cached: readonly string[];
  readonly ran: readonly string[];
}

/** A store that builds, and others that have seen nothing but its base image. */
export interface CachedBuilds extends AsyncDisposable {
  readonly first: Berth;
  /** A context with {@link cachedDockerfile} and a file `input`, `one`. */
  readonly context: string;
  readonly another: () => Promise<Berth>;
  /** A path that nothing is at. */
  readonly place: () => string;
}

/** Set up a store that builds. */
export async function openCachedBuilds(): Promise<CachedBuilds> {
  const first = await openBerthWithBusybox();
  const context = await first.files("context", { Dockerfile: cachedDockerfile, input: "one\n" });
  const base = join(first.directory, "busybox.tar");
  await first.out(["save", "-o", base, "busybox"]);
  return {
    first,
    context,
    another: async () => {
      const berth = openBerth();
      await berth.out(["load", "-i", base]);
      return berth;
    },
    place: () => join(first.directory, randomUUID()),
    [Symbol.asyncDispose]: () => first[Symbol.asyncDispose](),
  };
}

/** Build, and tell which steps ran. */
export async function buildIn(
  berth: Berth,
  args: readonly string[],
  { context, env = {} }: { readonly context: string; readonly env?: Readonly<Record<string, string>> },
): Promise<BuildOutcome> {
  const argv = ["build", "--network", "none", "--progress", "plain", ...args, context];
  const { code, stderr } = await berth.run(argv, { env });
  const steps = [...stderr.matchAll(/^#(\d+) (\[(?:made |stage-1 )?\d+\/\d+\] .*)$/gm)];
  const ended = (word: string): readonly string[] => {
    const found = steps.filter(([, number]) => stderr.includes(`#${number} ${word}`)).map(([, , name = ""]) => name);
    return [...new Set(found)].filter((name) => !name.includes("FROM"));
  };
  return { code, stderr, cached: ended("CACHED"), ran: ended("DONE") };
}

/** The ID of an image. */
export function idOf(berth: Berth, name: string): Promise<string> {
  return berth.out(["inspect", "--format", "{{.Id}}", name]);
}
