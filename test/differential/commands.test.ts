import { beforeAll, describe, expect, test } from "vitest";
import { besideDocker } from "../support/beside-docker.ts";
import { eventually } from "../support/eventually.ts";
import { comparable } from "../support/twins.ts";

const offline = ["run", "--rm", "--network", "none"];
const shell = (script: string) => [...offline, "busybox", "sh", "-c", script];

await besideDocker("as Docker does:", (twins) => {
  const { both, ok } = twins;
  const make = (name: string, ...command: readonly string[]) =>
    ok(["create", "-i", "--network", "none", "--name", name, "busybox", ...command]);

  /** Both did the same, and ended with `code`. */
  async function same(code: number, ...[args, start]: Parameters<typeof both>): Promise<void> {
    const { berth, docker } = comparable(await both(args, start));
    expect(berth).toEqual(docker);
    expect(docker.code).toBe(code);
  }

  beforeAll(async () => {
    await make("up", "sleep", "1000");
    await ok(["start", "up"]);
    await make("seven", "sh", "-c", "echo out; echo err >&2; exit 7");
    await make("never", "nosuch");
  });

  describe("run:", () => {
    test.each([
      { name: "success", args: [...offline, "busybox", "true"] },
      { name: "failure", args: [...offline, "busybox", "false"], code: 1 },
      { name: "a code of its own", args: shell("echo out; echo err >&2; exit 42"), code: 42 },
      { name: "a command that isn't there", args: [...offline, "busybox", "nosuch"], code: 127 },
      { name: "an entrypoint that isn't there", args: [...offline, "--entrypoint", "nosuch", "busybox"], code: 127 },
      {
        name: "in the background, a command that isn't there",
        args: [...offline, "-d", "busybox", "nosuch"],
        code: 127,
      },
      { name: "a path that isn't there", args: [...offline, "busybox", "/nosuch"], code: 127 },
      { name: "a directory as the command", args: [...offline, "busybox", "/etc"], code: 126 },
      { name: "a file that isn't executable", args: [...offline, "busybox", "/etc/passwd"], code: 126 },
      { name: "death of a child by a signal", args: shell("sh -c 'kill -9 $$'; exit $?"), code: 137 },
      { name: "a working directory that isn't there", args: [...offline, "-w", "/made/now", "busybox", "pwd"] },
      { name: "environment", args: [...offline, "-e", "A=b", "busybox", "sh", "-c", "env | grep -v HOSTNAME | sort"] },
      { name: "user and groups", args: [...offline, "-u", "mail", "busybox", "id"] },
      { name: "numeric user", args: [...offline, "-u", "1234:5678", "busybox", "id"] },
      { name: "capabilities and seccomp", args: shell("grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status") },
      { name: "limits", args: shell("ulimit -a | grep -v processes") },
      {
        name: "a volume at a path that isn't absolute",
        args: [...offline, "-v", "a/b", "busybox", "grep", "-c", " /a/b ", "/proc/mounts"],
      },
      { name: "a volume at a colon", args: [...offline, "-v", ":", "busybox", "grep", "-c", " /: ", "/proc/mounts"] },
      // crun links /dev/core as well.
      { name: "devices", args: shell("ls -l /dev | grep -v core | awk '{print $1, $3, $4, $NF}' | sort") },
      {
        // The Docker of today masks /proc/interrupts and /sys/devices/virtual/powercap, too.
        name: "mounts",
        args: shell(
          "awk '{print $2}' /proc/mounts | grep -v -e '^/etc/' -e cgroup -e /proc/interrupts -e powercap | sort",
        ),
      },
      {
        name: "masked files",
        args: shell("head -c 1 /proc/kcore | wc -c; ls /proc/acpi /sys/firmware; cat /proc/keys | wc -l"),
      },
      { name: "read-only places", args: shell("echo 1 > /proc/sys/kernel/domainname; touch /sys/x"), code: 1 },
      {
        name: "forbidden system calls",
        args: shell("mount -t tmpfs x /mnt; unshare -m true; date -s 2000-01-01 > /dev/null"),
      },
      { name: "names in /etc", args: [...offline, "-h", "ship", "busybox", "sh", "-c", "hostname; cat /etc/hostname"] },
    ])("$name", ({ args, code = 0 }) => same(code, args));

    test.each([
      { signal: "KILL", script: "touch /ready; sleep 1000", code: 137 },
      { signal: "TERM", script: "trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done", code: 5 },
      { signal: "9", script: "trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done", code: 137 },
    ])("killed with $signal while it runs `$script`", async ({ signal, script, code }) => {
      const run = same(code, [...offline, "--name", "victim", "busybox", "sh", "-c", script]);
      await eventually(async () => {
        // The first process of a container has no handler for a signal, unless it is told to.
        const { berth, docker } = await both(["exec", "victim", "test", "-e", "/ready"]);
        return berth.code === 0 && docker.code === 0 ? true : undefined;
      });
      await same(0, ["kill", "-s", signal, "victim"]);
      await run;
    });
  });

  describe("start, attach, wait, exec:", () => {
    test.each([
      { name: "start", args: ["start", "seven"] },
      { name: "wait after it", args: ["wait", "seven"] },
      { name: "start -a gives the output and the code", args: ["start", "-a", "seven"], code: 7 },
      { name: "wait for two", args: ["wait", "seven", "seven"] },
      { name: "start of a command that isn't there", args: ["start", "never"], code: 1 },
      { name: "start -a of a command that isn't there", args: ["start", "-a", "never"], code: 1 },
      { name: "exec", args: ["exec", "up", "sh", "-c", "echo out; echo err >&2"] },
      { name: "exec, a code of its own", args: ["exec", "up", "sh", "-c", "exit 9"], code: 9 },
      { name: "exec, killed", args: ["exec", "up", "sh", "-c", "kill -9 $$"], code: 137 },
      { name: "exec, as a user in a place", args: ["exec", "-u", "mail", "-w", "/tmp", "up", "sh", "-c", "id; pwd"] },
      { name: "exec of an unknown user", args: ["exec", "-u", "nosuch", "up", "true"], code: 126 },
      { name: "exec in the background, not there", args: ["exec", "-d", "up", "nosuch"], code: 1 },
      { name: "exec in a stopped container", args: ["exec", "seven", "true"], code: 1 },
      { name: "attach to a stopped container", args: ["attach", "seven"], code: 1 },
    ])("$name", ({ args, code = 0 }) => same(code, args));

    test("attach gives the code", async () => {
      await make("asks", "sh", "-c", "read code; exit $code");
      await ok(["start", "asks"]);
      await same(6, ["attach", "asks"], { input: "6\n" });
    });

    test("start -ai reads its input", async () => {
      await make("reads", "sh", "-c", "read code; echo $code; exit $code");
      await same(8, ["start", "-ai", "reads"], { input: "8\n" });
    });

    test.each([
      { command: "nosuch", code: 127 },
      { command: "/etc", code: 126 },
      { command: "/etc/passwd", code: 126 },
    ])("exec of $command, which can't be started, ends with $code", async ({ command, code }) => {
      const { berth, docker } = await both(["exec", "up", command]);
      // Docker 20.10 ends with 126 whatever the reason, and has one word less for a directory.
      expect(berth.code).toBe(code);
      expect(docker.code).toBe(126);
      expect(berth.stdout.replace("is a directory: unknown: permission denied", "permission denied: unknown")).toBe(
        docker.stdout,
      );
    });

    test("wait blocks to the end, and stop and restart give the code", async () => {
      await make("stopped", "sh", "-c", "trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done");
      // A signal before the trap would end it otherwise.
      const isReady = (times: number): Promise<true> =>
        eventually(async () => {
          const { berth, docker } = await ok(["logs", "stopped"]);
          return [berth, docker].every((text) => text.trim() === "ready\n".repeat(times).trim()) ? true : undefined;
        });
      await ok(["start", "stopped"]);
      await isReady(1);
      // Not beside a restart: Docker's wait may then tell the code of the new start, 0.
      const waited = same(0, ["wait", "stopped"]);
      await same(0, ["stop", "stopped"]);
      await waited;
      await ok(["start", "stopped"]);
      await isReady(2);
      await same(0, ["restart", "stopped"]);
      await isReady(3);
      await same(0, ["stop", "stopped"]);
      await same(0, ["inspect", "--format", "{{.State.ExitCode}} {{.State.Status}}", "stopped"]);
    });
  });

  describe("wrong uses are refused:", () => {
    test.each([
      { name: "an unknown command", args: ["nosuch"] },
      { name: "rmi of an unknown image", args: ["rmi", "nosuch"] },
      { name: "rmi of an image in use", args: ["rmi", "busybox"] },
      { name: "history of an unknown image", args: ["history", "nosuch"] },
      { name: "history without an image", args: ["history"] },
      { name: "inspect of an unknown object", args: ["inspect", "nosuch"] },
      { name: "inspect of a field that isn't there", args: ["inspect", "--format", "{{.Nosuch}}", "busybox"] },
      { name: "inspect by a broken template", args: ["inspect", "--format", "{{", "busybox"], code: 64 },
      { name: "tag of an unknown image", args: ["tag", "nosuch", "x"] },
      { name: "tag with a bad name", args: ["tag", "busybox", "Upper"] },
      { name: "save of an unknown image", args: ["save", "absent"] },
      { name: "load of a file that isn't there", args: ["load", "-i", "/nosuch.tar"] },
      { name: "import of a file that isn't there", args: ["import", "/nosuch.tar"] },
      { name: "images by an unknown filter", args: ["images", "--filter", "nosuch=1"] },
      { name: "ps by an unknown filter", args: ["ps", "--filter", "nosuch=1"] },
      { name: "ps with an unknown flag", args: ["ps", "--nosuch"], code: 125 },
      { name: "rm of an unknown container", args: ["rm", "nosuch"] },
      { name: "rm of a running container", args: ["rm", "up"] },
      { name: "logs of an unknown container", args: ["logs", "nosuch"] },
      { name: "stop of an unknown container", args: ["stop", "nosuch"] },
      { name: "stop with a time that is none", args: ["stop", "-t", "x", "up"], code: 125 },
      { name: "kill of an unknown container", args: ["kill", "nosuch"] },
      { name: "kill of a stopped container", args: ["kill", "seven"] },
      { name: "kill with an unknown signal", args: ["kill", "-s", "NOSUCH", "up"] },
      { name: "start of an unknown container", args: ["start", "nosuch"] },
      { name: "restart of an unknown container", args: ["restart", "nosuch"] },
      { name: "attach to an unknown container", args: ["attach", "nosuch"] },
      { name: "wait for an unknown container", args: ["wait", "nosuch"] },
      { name: "diff of an unknown container", args: ["diff", "nosuch"] },
      { name: "commit of an unknown container", args: ["commit", "nosuch", "x"] },
      { name: "commit to a bad name", args: ["commit", "seven", "Upper"] },
      { name: "commit with a change that is none", args: ["commit", "-c", "RUN x", "seven"] },
      { name: "exec in an unknown container", args: ["exec", "nosuch", "true"] },
      { name: "create of an upper-case image", args: ["create", "Upper"] },
      // Node has a flag of this name.
      { name: "create with variables of no file", args: ["create", "--env-file", "/no/file", "busybox"], code: 125 },
      { name: "run with variables of no file", args: ["run", "--env-file", "/no/file", "busybox"], code: 125 },
      { name: "build without a Dockerfile", args: ["build", "/nosuch"] },
      { name: "run with an unknown flag", args: ["run", "--nosuch", "busybox"], code: 125 },
      { name: "run with a flag without its value", args: ["run", "--name"], code: 125 },
      { name: "run with a memory limit below the least", args: ["run", "--rm", "-m", "1k", "busybox"], code: 125 },
      { name: "run with a number that is none", args: ["run", "--cpus", "x", "busybox"], code: 125 },
      { name: "run with more CPUs than there are", args: ["run", "--cpus", "9999", "busybox"], code: 125 },
      { name: "run on a CPU that isn't there", args: ["run", "--cpuset-cpus", "999", "busybox"], code: 125 },
      {
        name: "run with less swap than memory",
        args: ["run", "-m", "10m", "--memory-swap", "7m", "busybox"],
        code: 125,
      },
      { name: "run with an unknown stop signal", args: ["run", "--stop-signal", "NOSUCH", "busybox"], code: 125 },
      { name: "run with a relative tmpfs", args: ["run", "--tmpfs", "x", "busybox"], code: 125 },
      { name: "run of an upper-case image", args: ["run", "--rm", "Upper"], code: 125 },
      { name: "run with a bad container name", args: ["run", "--rm", "--name", "a/b", "busybox"], code: 125 },
      { name: "run with a name that is taken", args: [...offline, "--name", "up", "busybox"], code: 125 },
      { name: "run as an unknown user", args: [...offline, "-u", "nosuch", "busybox"], code: 125 },
      { name: "run as an unknown group", args: [...offline, "-u", "1:nosuch", "busybox"], code: 125 },
      { name: "run in a relative working directory", args: [...offline, "-w", "a/b", "busybox"], code: 125 },
      { name: "run with a bind mount of a bad mode", args: [...offline, "-v", "/tmp:/x:nosuch", "busybox"], code: 125 },
      { name: "run in the background and attached", args: ["run", "-d", "-a", "stdout", "busybox"] },
      { name: "run -it without a terminal", args: ["run", "-it", "busybox"] },
    ])("$name", ({ args, code = 1 }) => same(code, args));

    test.each([
      "run",
      "create",
      "build",
      "history",
      "diff",
      "commit",
      "exec",
      "tag",
      "save",
      "rm",
      "rmi",
      "start",
      "wait",
    ])("%s without arguments", (command) => same(1, [command]));
  });
});
