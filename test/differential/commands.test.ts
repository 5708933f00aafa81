import { afterAll, describe, expect, test } from "vitest";
import { comparable, openTwins } from "../support/twins.ts";

const twins = await openTwins();
afterAll(() => twins?.[Symbol.asyncDispose]());

const offline = ["run", "--rm", "--network", "none"];
// crun links /dev/core as well; the Docker of today masks /proc/interrupts and /sys/devices/virtual/powercap, too.
const shell = (script: string) => [...offline, "busybox", "sh", "-c", script];

describe.skipIf(twins === undefined)("as Docker does:", () => {
  test.each([
    { name: "success", args: [...offline, "busybox", "true"] },
    { name: "failure", args: [...offline, "busybox", "false"] },
    { name: "a code of its own", args: shell("echo out; echo err >&2; exit 42") },
    { name: "a command that isn't there", args: [...offline, "busybox", "nosuch"] },
    { name: "a path that isn't there", args: [...offline, "busybox", "/nosuch"] },
    { name: "a directory as the command", args: [...offline, "busybox", "/etc"] },
    { name: "a file that isn't executable", args: [...offline, "busybox", "/etc/passwd"] },
    { name: "death by a signal", args: shell("sh -c 'kill -9 $$'; exit $?") },
    { name: "a working directory that isn't there", args: [...offline, "-w", "/made/now", "busybox", "pwd"] },
    { name: "environment", args: [...offline, "-e", "A=b", "busybox", "sh", "-c", "env | grep -v HOSTNAME | sort"] },
    { name: "user and groups", args: [...offline, "-u", "mail", "busybox", "id"] },
    { name: "numeric user", args: [...offline, "-u", "1234:5678", "busybox", "id"] },
    { name: "capabilities and seccomp", args: shell("grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status") },
    { name: "limits", args: shell("ulimit -a | grep -v processes") },
    { name: "devices", args: shell("ls -l /dev | grep -v core | awk '{print $1, $3, $4, $NF}' | sort") },
    {
      name: "mounts",
      args: shell(
        "awk '{print $2}' /proc/mounts | grep -v -e '^/etc/' -e cgroup -e /proc/interrupts -e powercap | sort",
      ),
    },
    {
      name: "masked files",
      args: shell("head -c 1 /proc/kcore | wc -c; ls /proc/acpi /sys/firmware; cat /proc/keys | wc -l"),
    },
    { name: "read-only places", args: shell("echo 1 > /proc/sys/kernel/domainname; touch /sys/x") },
    {
      name: "forbidden system calls",
      args: shell("mount -t tmpfs x /mnt; unshare -m true; date -s 2000-01-01 > /dev/null"),
    },
    { name: "names in /etc", args: [...offline, "-h", "ship", "busybox", "sh", "-c", "hostname; cat /etc/hostname"] },
  ])("$name", async ({ args }) => {
    const outcome = await twins?.both(args);
    expect(outcome?.berth && comparable(outcome.berth)).toEqual(outcome?.docker && comparable(outcome.docker));
  });
});

describe.skipIf(twins === undefined)("as Docker refuses:", () => {
  test.each([
    { name: "an unknown image", args: ["rmi", "nosuch"] },
    { name: "an unknown image's history", args: ["history", "nosuch"] },
    { name: "an unknown object", args: ["inspect", "nosuch"] },
    { name: "an unknown container", args: ["rm", "nosuch"] },
    { name: "logs of an unknown container", args: ["logs", "nosuch"] },
    { name: "a stop of an unknown container", args: ["stop", "nosuch"] },
    { name: "diff of an unknown container", args: ["diff", "nosuch"] },
    { name: "commit of an unknown container", args: ["commit", "nosuch", "x"] },
    { name: "exec in an unknown container", args: ["exec", "nosuch", "true"] },
    { name: "an unknown flag", args: ["ps", "--nosuch"] },
    { name: "a flag without its value", args: ["run", "--name"] },
    { name: "a memory limit below the least", args: ["run", "--rm", "-m", "1k", "busybox"] },
    { name: "a number that is none", args: ["run", "--cpus", "x", "busybox"] },
    { name: "an upper-case image", args: ["run", "--rm", "Busybox"] },
    { name: "a bad container name", args: ["run", "--rm", "--name", "a/b", "busybox"] },
    { name: "an unknown user", args: [...offline, "-u", "nosuch", "busybox"] },
    { name: "a relative working directory", args: [...offline, "-w", "a/b", "busybox"] },
    { name: "a bind mount of a bad mode", args: [...offline, "-v", "/tmp:/x:nosuch", "busybox"] },
    { name: "a build without a Dockerfile", args: ["build", "/nosuch"] },
  ])("$name", async ({ args }) => {
    const outcome = await twins?.both(args);
    const [mine, docker] = [outcome?.berth, outcome?.docker].map((one) => one && comparable(one));
    expect(mine).toEqual(docker);
  });
});
