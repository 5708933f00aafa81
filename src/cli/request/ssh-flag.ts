import type { BuildOptions } from "../../build/build.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** One `--ssh`. */
export interface SshFlag {
  readonly id: string;
  /** A socket, or files of keys; none for the user's agent. */
  readonly paths: readonly string[];
}

/** Read `default`, `ID`, `ID=SOCKET` or `ID=KEY,KEY`. */
export function parseSsh(given: string): SshFlag {
  const [id = "", ...paths] = given.split("=");
  const named = paths.join("=");
  return { id: id || "default", paths: named === "" ? [] : named.split(",") };
}

/**
 * What agents steps get: the last of each id counts, and the user's agent stands for what has no path. A context that git fetches over
 * ssh gets that unasked, as with buildx.
 */
export function sshOption(
  flags: readonly SshFlag[],
  { context, user }: { readonly context: string; readonly user: Terminal["env"] },
): Pick<BuildOptions, "ssh"> {
  const agent = user["SSH_AUTH_SOCK"] ?? "";
  const own = agent === "" ? [] : [agent];
  if (flags.length === 0 && agent !== "" && isBehindSsh(context)) return { ssh: [{ id: "default", paths: own }] };
  const given = [...new Map(flags.map((flag) => [flag.id, flag])).values()];
  return given.length === 0
    ? {}
    : { ssh: given.map(({ id, paths }) => ({ id, paths: paths.length === 0 ? own : paths })) };
}

function isBehindSsh(context: string): boolean {
  return /^(ssh:\/\/|[\w-]+@[\w.-]+:)/.test(context);
}
