import { once } from "node:events";
import type { Berth } from "./berth.ts";
import { eventually } from "./eventually.ts";
import type { Start } from "./program.ts";

/** `berth cache serve`, on a free port of loopback. */
export interface CacheServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** The requests so far: method, path, status, and where the answer came from, as `GET /v2/a/tags/list 200 miss`. */
  readonly requests: () => readonly string[];
  /** All that it printed. */
  readonly log: () => string;
  /** Send a signal, and wait for the end. @returns the exit code, or undefined where the signal ended it */
  readonly end: (signal: NodeJS.Signals) => Promise<number | undefined>;
}

/** Start the cache of a store. @param args flags beside `--listen` */
export async function openCacheServer(
  berth: Berth,
  args: readonly string[] = [],
  start: Start = {},
): Promise<CacheServer> {
  const child = berth.start(["cache", "serve", "--listen", "127.0.0.1:0", ...args], start);
  const exited = once(child, "exit");
  let [log, errors] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const end = async (signal: NodeJS.Signals): Promise<number | undefined> => {
    child.kill(signal);
    await exited;
    return child.exitCode ?? undefined;
  };
  const url = await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`the cache ended with ${child.exitCode}: ${errors}`);
    return /^listening on (\S+?),/m.exec(log)?.[1];
  });
  return {
    url,
    host: new URL(url).host,
    requests: () =>
      [...log.matchAll(/^\S+ \S+ (?<what>[A-Z]+ \S+ \d+ \S+) /gm)].map(({ groups = {} }) => groups["what"] ?? ""),
    log: () => log + errors,
    end,
    [Symbol.asyncDispose]: async () => {
      await end("SIGTERM");
    },
  };
}
