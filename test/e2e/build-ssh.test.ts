import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { hasGit, makeRepository } from "../support/git-server.ts";
import { copyPrograms } from "../support/host-program.ts";
import { runProgram, type Start } from "../support/program.ts";

const programs = ["/usr/bin/ssh-add", "/usr/bin/ssh-keygen"];
/** Systems that the tests run in need not have ssh, nor git. */
const hasSsh = hasGit && programs.every((path) => existsSync(path));

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
  const context = await berth.files("with-ssh", { Dockerfile: "FROM busybox\nCOPY root /\n", "root/etc/motd": "" });
  if (!hasSsh) return;
  await copyPrograms(join(context, "root"), programs);
  await berth.out(["build", "-q", "-t", "with-ssh", context]);
});
afterAll(() => berth[Symbol.asyncDispose]());

/** Make a key. @returns its path */
async function makeKey(type: string, passphrase = ""): Promise<string> {
  const path = join(berth.directory, `key-${randomUUID()}`);
  expect(await runProgram("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-f", path])).toMatchObject({ code: 0 });
  return path;
}

async function build(steps: string, args: readonly string[], start: Start = {}) {
  const context = await berth.files(randomUUID(), {
    Dockerfile: `FROM with-ssh\nENV HOME=/tmp\n${steps}\n`,
    file: "x",
  });
  return await berth.run(["build", "--no-cache", "--progress", "plain", ...args, context], start);
}

describe.skipIf(!hasSsh)("RUN --mount=type=ssh", () => {
  test("signs with keys of files, of every type, through a socket that is the step's user's", async () => {
    const keys = await Promise.all(["ed25519", "rsa", "ecdsa"].map((type) => makeKey(type)));
    const sign =
      'for k in 1 2 3; do ssh-add -L | sed -n "$k"p > $k.pub; echo $k > $k; ssh-keygen -q -Y sign -n t -f $k.pub $k; ssh-keygen -Y check-novalidate -n t -s $k.sig < $k; done';
    const { code, stderr } = await build(
      `WORKDIR /tmp\nRUN --mount=type=ssh,required,mode=660,uid=7,gid=8 ls -ln $SSH_AUTH_SOCK && ${sign}`,
      ["--ssh", `default=${keys.join(",")}`],
    );
    expect(stderr).toMatch(/srw-rw---- +1 +7 +8 .*\/run\/buildkit\/ssh_agent\.0\n/);
    expect(stderr.match(/Good "t" signature with /g)).toHaveLength(3);
    expect(code).toBe(0);
  });

  test("hands on the user's agent, which it can't change; sockets are gone afterwards", async () => {
    const socket = join(berth.directory, "agent");
    const started = await runProgram("ssh-agent", ["-s", "-a", socket]);
    const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started.stdout)?.[1]);
    const env = { SSH_AUTH_SOCK: socket };
    try {
      await runProgram("ssh-add", ["-q", await makeKey("ed25519")], { env });
      const steps = `RUN --mount=type=ssh,id=a,target=/a,required --mount=type=ssh,id=b env | grep AUTH; ssh-add -l; ssh-add -D || true
RUN --mount=type=ssh,id=a env SSH_AUTH_SOCK=/elsewhere ssh-add -l; ls /run/buildkit`;
      const { code, stderr } = await build(steps, ["--ssh", "a"], { env });
      expect(stderr).toMatch(/SSH_AUTH_SOCK=\/a\n/);
      expect(stderr).toMatch(/ 256 SHA256:/);
      expect(stderr).toContain("Failed to remove all identities");
      expect(stderr).toContain("ssh_agent.0\n");
      expect(code).toBe(0);
      expect((await runProgram("ssh-add", ["-l"], { env })).stdout).toMatch(/^256 /);
      expect(readdirSync(join(berth.directory, "run")).filter((name) => name.startsWith("agent-"))).toEqual([]);
    } finally {
      process.kill(pid);
    }
  });

  test("that isn't given is passed over, or an error where it is required", async () => {
    const optional = await build('RUN --mount=type=ssh test -n "$SSH_AUTH_SOCK" && test ! -e "$SSH_AUTH_SOCK"', []);
    expect(optional).toMatchObject({ code: 0 });
    const { code, stderr } = await build("RUN --mount=type=ssh,id=deploy,required true", [
      "--ssh",
      `other=${await makeKey("rsa")}`,
    ]);
    expect(stderr).toContain("unset ssh forward key deploy");
    expect(stderr).toContain("--ssh deploy");
    expect(code).toBe(1);
  });

  test("takes no key with a passphrase, nothing that is no key, no agent that isn't there", async () => {
    const env = { SSH_AUTH_SOCK: "" };
    for (const [given, message] of [
      [`default=${await makeKey("ed25519", "secret")}`, "ssh: this private key is passphrase protected"],
      [`default=${await makeKey("rsa", "secret")}`, "ssh: this private key is passphrase protected"],
      [`default=${join(await berth.files("no-key", { file: "text" }), "file")}`, "ssh: no key found"],
      ["default=/nosuch", "stat /nosuch: no such file or directory"],
      ["default", "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set"],
    ]) {
      const { code, stderr } = await build("RUN --mount=type=ssh true", ["--ssh", given ?? ""], { env });
      expect(stderr).toContain(message);
      expect(code).toBe(1);
    }
  });

  test("serves git over ssh: for ADD, and for a context unasked", async () => {
    const repository = await makeRepository(join(berth.directory, "repo"));
    await repository.commit({ Dockerfile: "FROM busybox\nRUN echo out of git\n", file: "in the repository\n" });
    // What would be ssh: it says what it is given, and is the other end itself.
    const log = join(berth.directory, "ssh.log");
    const script = `#!/bin/sh\n{ echo "$*"; ssh-add -l; } >> ${log} 2>&1\nfor last; do :; done\nexec sh -c "$last"\n`;
    const bin = await berth.files("bin", { ssh: script });
    chmodSync(join(bin, "ssh"), 0o755);
    const env = { PATH: `${bin}:${process.env["PATH"]}`, SSH_AUTH_SOCK: "" };
    const address = `git@127.0.0.1:${repository.directory}`;
    const key = ["--ssh", `default=${await makeKey("ed25519")}`];
    const added = await build(`ADD ${address}#main /in\nRUN cat /in/file`, key, { env });
    expect(added.stderr).toContain(" in the repository\n");
    const said = readFileSync(log, "utf8");
    expect(said).toMatch(/-F \/dev\/null .*BatchMode=yes.* git@127\.0\.0\.1 git-upload-pack/);
    expect(said).toMatch(/^256 SHA256:/m);
    const built = await berth.run(["build", "--progress", "plain", ...key, address], { env });
    expect(built.stderr).toContain(" out of git\n");
    // Without any, no key of the user's is tried.
    await build(`ADD ${address}#main /in`, [], { env });
    expect(readFileSync(log, "utf8").slice(said.length)).toContain(
      "Could not open a connection to your authentication agent",
    );
  });
});
