import { existsSync, readFileSync } from "node:fs";
import { BerthError, codeOf } from "../base/errors.ts";
import { isCapable, mappedIds } from "./capabilities.ts";
import { ExecError, exec } from "./exec.ts";
import { callerOf } from "./host.ts";

/** Something that a command lacks, and what mends it: a sentence each, without its end. */
export interface Lack {
  readonly what: string;
  readonly remedy: string;
}

/** Settings of the kernel by which it forbids user namespaces, and what they say then. */
const forbidding: readonly (readonly [name: string, value: string, allowed: string])[] = [
  ["user.max_user_namespaces", "0", "15000"],
  ["kernel.unprivileged_userns_clone", "0", "1"],
];

/** Ubuntu's: only programs with a profile may be root of a user namespace. */
const appArmorSetting = "kernel.apparmor_restrict_unprivileged_userns";

/** Why this process can't mount, which steps need that run a command; undefined where it can. */
export async function lackOfNamespace(): Promise<Lack | undefined> {
  if (isCapable("sysAdmin")) return undefined;
  if (process.getuid?.() === 0) {
    return {
      what: "the capability CAP_SYS_ADMIN is missing",
      remedy: "Give the container CAP_SYS_ADMIN, or start berth as an ordinary user who may make user namespaces",
    };
  }
  const forbidden = forbidding.find(([name, value]) => setting(name) === value);
  if (forbidden !== undefined) {
    const [name, value, allowed] = forbidden;
    return { what: `user namespaces are forbidden: ${name} is ${value}`, remedy: `sysctl -w ${name}=${allowed}` };
  }
  return await lackOnTrying();
}

async function lackOnTrying(): Promise<Lack> {
  try {
    await exec(["unshare", "--user", "--map-root-user", "--mount", "true"]);
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    if (error.code === undefined) {
      return { what: "unshare isn't installed, which makes user namespaces", remedy: "apt-get install -y util-linux" };
    }
    if (setting(appArmorSetting) === "1") {
      const what = `AppArmor forbids user namespaces to programs without a profile: ${appArmorSetting} is 1`;
      return { what, remedy: `sysctl -w ${appArmorSetting}=0` };
    }
    return {
      what: `unshare(2) for a user namespace is refused: ${error.stderr.trim()}`,
      remedy:
        "In a container, its seccomp filter has to let unshare and mount pass (Docker: --security-opt seccomp=unconfined; Kubernetes: seccompProfile.type Unconfined), in a service of systemd RestrictNamespaces= and SystemCallFilter=",
    };
  }
  return {
    what: "this process isn't in a user namespace, though it may be",
    remedy: "Start the command berth, or the program that uses its library under `unshare --user --map-root-user`",
  };
}

/** Why no more than one ID is there inside; undefined where there are more, and for whoever needs none. */
export function lackOfIds(): Lack | undefined {
  const caller = callerOf();
  if (caller === 0 || (process.getuid?.() === 0 && ownIds() > 1)) return undefined;
  const name = nameOf(caller) ?? String(caller);
  if (programPath("newuidmap") === undefined || programPath("newgidmap") === undefined) {
    return { what: "newuidmap and newgidmap aren't installed", remedy: "apt-get install -y uidmap" };
  }
  for (const file of ["/etc/subuid", "/etc/subgid"]) {
    if (linesOf(file).some((line) => line.startsWith(`${name}:`) || line.startsWith(`${caller}:`))) continue;
    return {
      what: `${file} has no subordinate IDs for ${name}`,
      remedy: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`,
    };
  }
  return {
    what: "unshare got no subordinate IDs, though there are some",
    remedy: "unshare --user --map-root-user --map-auto true    # tells why; util-linux before 2.38 can't",
  };
}

/** How many IDs there are from 0 on, users or groups whichever are fewer. */
export function ownIds(): number {
  const ends = (["uid", "gid"] as const).map((kind) => {
    let end = 0;
    for (const [inside, , count] of mappedIds(kind)) if (inside === end) end = inside + count;
    return end;
  });
  return Math.min(...ends);
}

/** The error of what needs something that isn't there. @param what `RUN needs a user namespace` */
export function lacking(what: string, { what: why, remedy }: Lack): BerthError {
  return new BerthError("failed-precondition", `${what}: ${why}`, { hint: `${remedy}.` });
}

function setting(name: string): string | undefined {
  return linesOf(`/proc/sys/${name.replaceAll(".", "/")}`)[0]?.trim();
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function nameOf(uid: number): string | undefined {
  return linesOf("/etc/passwd")
    .map((line) => line.split(":"))
    .find(([, , id]) => id === String(uid))?.[0];
}

/** Where a program lies, by PATH. */
export function programPath(program: string): string | undefined {
  const directories = (process.env["PATH"] ?? "/usr/bin:/bin").split(":");
  return directories.map((each) => `${each}/${program}`).find((path) => existsSync(path));
}
