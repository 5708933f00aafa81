import type { SpecUser } from "../oci/runtime-spec.ts";
import { resolveUser } from "../runtime/user.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import { defaultPath, mergeEnv } from "./settle.ts";

/** Most bytes of /etc/passwd and /etc/group that are read. */
const accountsLimit = 8 << 20;

/** Who a process in a container is, and where its home is. */
export interface ResolvedUser {
  readonly user: SpecUser;
  readonly home: string;
}

/** Look a user up in a container's own files. @throws {BerthError} invalid-argument, in Docker's words */
export function userIn(tree: MergedTree, text: string, groupAdd: readonly string[]): ResolvedUser {
  const read = (path: string): string =>
    tree.stat(path)?.kind === "file" ? tree.readFile(path, accountsLimit).toString() : "";
  const { uid, gid, additionalGids, home } = resolveUser(text, read("/etc/passwd"), read("/etc/group"), groupAdd);
  return { user: { uid, gid, additionalGids }, home };
}

/** The environment of a container's process: HOSTNAME, HOME and TERM as Docker sets them, below what image and user set. */
export function environmentOf(
  base: readonly string[],
  options: {
    readonly hostname?: string;
    readonly home: string;
    readonly terminal: boolean;
    readonly extra?: readonly string[];
  },
): readonly string[] {
  const { hostname, home, terminal, extra = [] } = options;
  const path = base.filter((line) => line.startsWith("PATH="));
  const ground = [
    ...(path.length > 0 ? path : [defaultPath]),
    ...(hostname === undefined ? [] : [`HOSTNAME=${hostname}`]),
    ...(terminal ? ["TERM=xterm"] : []),
  ];
  const merged = mergeEnv(ground, base, extra);
  return merged.some((line) => line.startsWith("HOME=")) ? merged : [...merged, `HOME=${home}`];
}
