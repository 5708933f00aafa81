import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homeOfTests } from "./berth.ts";
import { type Outcome, runProgram } from "./program.ts";

/**
 * Who starts the command: root of the machine; root that has no capability, as in a hardened pod; a user with subordinate IDs; a user
 * with none; and a user where no user namespace may be made.
 */
export type Caller = "root" | "root without capabilities" | "subordinate IDs" | "one ID" | "no namespace";

/** A directory that users can pass, and the command as they start it there. */
export interface Callers extends Disposable {
  /** Everybody may read what is in it. */
  readonly directory: string;
  /** Run the command, which has a store of the caller's own, to its end. */
  run(caller: Caller, args: readonly string[]): Promise<Outcome>;
  /** The same for its output, without the last line end. @throws with what it printed when it fails */
  out(caller: Caller, args: readonly string[]): Promise<string>;
}

const uid = 4711;
const project = join(import.meta.dirname, "../..");

/** Shows the machine as it is but for who its users are, and the project where everybody may pass. The caller's words come after. */
const scene = `set -e
mount --rbind "$PROJECT" "$DIR/project"
mount -t overlay -o "lowerdir=$ETC:/etc" overlay /etc
exec "$@"`;

/** Of a user namespace of the user's in which no other can be made: its root becomes a user again. */
const forbidden = `set -e
echo 0 > /proc/sys/user/max_user_namespaces
mkdir -p "$HOME/inner"
chown ${uid}:${uid} "$HOME/inner"
HOME="$HOME/inner" exec setpriv --reuid=${uid} --regid=${uid} --clear-groups "$@"`;

const asUser = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
const words: Readonly<Record<Caller, readonly string[]>> = {
  root: [],
  "root without capabilities": ["setpriv", "--inh-caps=-all", "--bounding-set=-all"],
  "subordinate IDs": asUser,
  "one ID": asUser,
  "no namespace": [...asUser, "unshare", "--user", "--map-root-user", "--map-auto", "sh", "-c", forbidden, "sh"],
};

/** Make an ordinary user, whom only the commands that are started here know of. Needs root. */
export function openCallers(): Callers {
  const directory = mkdtempSync(join(tmpdir(), "berth-users-"));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, "project"));
  const { BERTH_CONFIG_FILE: settings = "" } = homeOfTests(directory);
  const users = `${readFileSync("/etc/passwd", "utf8")}builder:x:${uid}:${uid}::/:/bin/sh\n`;
  const etc = (name: string, subordinate: string): string => {
    const path = join(directory, name);
    mkdirSync(path);
    writeFileSync(join(path, "passwd"), users);
    for (const file of ["subuid", "subgid"]) writeFileSync(join(path, file), subordinate);
    return path;
  };
  const withIDs = etc("etc", "builder:3000000:65536\n");
  const withoutIDs = etc("etc-without", "");
  const run: Callers["run"] = async (caller, args) => {
    const home = join(directory, caller.replaceAll(" ", "-"));
    mkdirSync(home, { recursive: true, mode: 0o755 });
    const isUser = !caller.startsWith("root");
    if (isUser) chownSync(home, uid, uid);
    const path = { HOME: home, PATH: process.env["PATH"] ?? "", BERTH_CONFIG_FILE: settings };
    const places = isUser ? {} : { BERTH_ROOT: join(home, "root"), BERTH_RUN_ROOT: join(home, "run") };
    // What a session gives its user.
    const env = Object.entries({ ...path, ...places, SOURCE_DATE_EPOCH: "1700000000" }).map((pair) => pair.join("="));
    const runtime = isUser ? ['XDG_RUNTIME_DIR="$HOME/run"; export XDG_RUNTIME_DIR;'] : [];
    const start = ["sh", "-c", `${runtime.join("")} exec "$0" "$@"`, join(directory, "project/bin/berth")];
    const command = ["env", "-i", ...env, ...words[caller], ...start, ...args];
    return await runProgram("unshare", ["--mount", "sh", "-c", scene, "sh", ...command], {
      cwd: directory,
      env: { PROJECT: project, DIR: directory, ETC: caller === "one ID" ? withoutIDs : withIDs },
    });
  };
  return {
    directory,
    run,
    out: async (caller, args) => {
      const { code, stdout, stderr } = await run(caller, args);
      if (code !== 0) throw new Error(`berth ${args.join(" ")} as ${caller} ended with ${code}: ${stderr}`);
      return stdout.replace(/\n$/, "");
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}
