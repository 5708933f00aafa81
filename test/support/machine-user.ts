import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseArchives } from "./images.ts";
import { type Outcome, runProgram } from "./program.ts";

/**
 * True in the virtual machine of `npm run test:vm` with systemd: there alone users are added and the machine's settings changed.
 */
export const isMachine: boolean = existsSync("/usr/lib/berth-vm/job") && existsSync("/run/systemd/system");

/** An ordinary user of the machine, with subordinate IDs, a store and the image `busybox`. */
export interface MachineUser {
  /** Run the command with the words of a place before it. It tells its cgroup on stderr first. */
  run(words: readonly string[], args: readonly string[]): Promise<Outcome>;
  /** Build a Dockerfile's text. */
  build(words: readonly string[], dockerfile: string, ...flags: readonly string[]): Promise<Outcome>;
}

const name = "maria";
const uid = 4712;
const home = `/home/${name}`;
const service = ["systemd-run", "--pipe", "--wait", "--quiet", "--collect"];
const asUser = [
  ...["setpriv", `--reuid=${name}`, `--regid=${name}`, "--init-groups"],
  ...["env", "-i", "PATH=/usr/bin:/bin", `XDG_RUNTIME_DIR=/run/user/${uid}`, `HOME=${home}`],
];
const asService = [...service, `--uid=${name}`, `--gid=${name}`, "-E", `HOME=${home}`];

/** Where an ordinary user's command may run: the words that start it there. */
export const places: Readonly<
  Record<"manager" | "scope" | "login" | "service" | "delegated service", readonly string[]>
> = {
  /** A service of the user's own manager, whose cgroup belongs to the user. */
  manager: [...asUser, ...service, "--user"],
  /** A scope of that manager, which may have cgroups below it. */
  scope: [...asUser, "systemd-run", "--user", "--scope", "--quiet", "-p", "Delegate=yes"],
  /** A login. */
  login: ["su", "-l", name, "-c"],
  /** A service of the system. */
  service: asService,
  /** One whose cgroup belongs to the user. */
  "delegated service": [...asService, "-p", "Delegate=yes"],
};

/** The user of the machine's tests. */
export async function addMachineUser(): Promise<MachineUser> {
  const [script, context] = [join(home, "berth"), join(home, "context")];
  // Of all the machine's tests, the first adds the user.
  if (!existsSync(home)) execFileSync("useradd", ["--create-home", "--uid", String(uid), "--shell", "/bin/sh", name]);
  const command = join(import.meta.dirname, "../../bin/berth");
  writeFileSync(script, `#!/bin/sh\ncat /proc/self/cgroup >&2\nexec ${command} "$@"\n`);
  chmodSync(script, 0o755);
  mkdirSync(context, { recursive: true });
  // The manager stays when nobody is logged in.
  execFileSync("loginctl", ["enable-linger", name]);
  execFileSync("systemctl", ["start", `user@${uid}.service`]);
  const run: MachineUser["run"] = async ([program = "", ...words], args) => {
    const whole = [script, ...args];
    // `su` takes one word.
    return await runProgram(program, [...words, ...(program === "su" ? [whole.join(" ")] : whole)], { cwd: "/" });
  };
  const imported = await run(places.service, ["import", baseArchives().busybox, "busybox"]);
  if (imported.code !== 0) throw new Error(`berth import: ${imported.stderr}`);
  return {
    run,
    build: async (words, dockerfile, ...flags) => {
      writeFileSync(join(context, "Dockerfile"), dockerfile);
      return await run(words, ["build", "--no-cache", "--progress=plain", ...flags, context]);
    },
  };
}
