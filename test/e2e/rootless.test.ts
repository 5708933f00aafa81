import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { archiveOf } from "../../src/archive/testing.ts";
import { baseArchives } from "../support/images.ts";
import { type Caller, type Callers, openCallers } from "../support/ordinary-user.ts";

let callers: Callers;

/** What an ordinary user can't make: owners, devices, a file that nobody may read, capabilities of programs. */
const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
const rootFiles = archiveOf(
  ["etc", "dir", "", { uid: 0, gid: 0 }],
  ["etc/shadow", "file", "secret", { uid: 0, gid: 42, mode: 0 }],
  ["etc/locked", "dir", "", { uid: 7, gid: 7, mode: 0 }],
  ["etc/locked/in", "file", "in", { uid: 1001, gid: 1001, mode: 0o200 }],
  ["etc/hard", "link", "etc/shadow"],
  ["bin/su", "file", "su", { uid: 0, gid: 0, mode: 0o4755 }],
  ["bin/sg", "file", "sg", { uid: 0, gid: 8, mode: 0o2755 }],
  ["bin/cap", "file", "cap", { uid: 0, gid: 0, mode: 0o755, xattrs: new Map([["security.capability", capability]]) }],
  ["dev/null", "char", "", { uid: 0, gid: 0, mode: 0o666, major: 1, minor: 3 }],
  ["dev/sda", "block", "", { uid: 0, gid: 6, mode: 0o660, major: 8, minor: 0 }],
  ["dev/fifo", "fifo", "", { uid: 9, gid: 0, mode: 0o600 }],
  ["link", "symlink", "etc/shadow", { uid: 33, gid: 33 }],
  ["home", "dir", "", { uid: 4711, gid: 50, mode: 0o2775 }],
  ["home/f", "file", "x".repeat(5000), { uid: 4711, gid: 4711, mode: 0o444 }],
);

const context = {
  new: "new\n",
  // Of an image that has whiteouts and opaque directories.
  Dockerfile: `FROM scratch AS base
ADD root.tar /
COPY --chown=5:6 --chmod=640 new /etc/new
FROM changed
COPY --from=base / /copied/
COPY --from=changed /r /again
COPY --from=base --chown=4711:4711 /bin/cap /dev/null /mine/
COPY new /copied/etc/locked/new
COPY new /r/home/over
WORKDIR /w/deep
`,
  "Dockerfile.changed": `FROM busybox
ADD root.tar /r/
RUN cd /r && echo more >>etc/shadow && echo m >>etc/locked/in && touch dev/null bin/cap && chmod 600 dev/sda \\
  && chown 4711 bin/sg && rm -r home /etc/network && mkdir home && mv link l2 && ln -f bin/su bin/su2
`,
  "Dockerfile.networks": `FROM busybox
RUN id -u && ls -d /sys/class/net/lo
RUN --network=none ip -o addr | grep -c inet
USER 33
RUN id -u
`,
};

beforeAll(async () => {
  callers = openCallers();
  const directory = join(callers.directory, "context");
  mkdirSync(directory);
  for (const [name, text] of Object.entries(context)) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, "root.tar"), rootFiles);
  copyFileSync(baseArchives().busybox, join(callers.directory, "busybox.tar"));
  chmodSync(join(callers.directory, "busybox.tar"), 0o644);
  await changedImage("root");
  await callers.out("root", ["save", "-o", join(callers.directory, "changed.tar"), "changed"]);
  chmodSync(join(callers.directory, "changed.tar"), 0o644);
});

afterAll(() => {
  callers[Symbol.dispose]();
});

/** Import busybox and build the image `changed` upon it. @returns the digests of its layers */
async function changedImage(caller: Caller): Promise<string> {
  await callers.out(caller, ["import", join(callers.directory, "busybox.tar"), "busybox"]);
  const file = join(callers.directory, "context/Dockerfile.changed");
  const output = ["--output", "type=image,name=changed,rewrite-timestamp=true"];
  await callers.out(caller, [
    "build",
    "-q",
    "--network",
    "none",
    "-f",
    file,
    ...output,
    join(callers.directory, "context"),
  ]);
  return await callers.out(caller, ["inspect", "-f", "{{json .RootFS.Layers}}", "changed"]);
}

/** Build without RUN. @returns what names the image, and what its archive hashes to when it is saved by another command */
async function built(caller: Caller): Promise<readonly string[]> {
  await callers.out(caller, ["load", "-q", "-i", join(callers.directory, "changed.tar")]);
  const output = ["--output", "type=image,name=built,rewrite-timestamp=true"];
  const build = ["build", "-q", ...output, join(callers.directory, "context")];
  const id = await callers.out(caller, build);
  const home = join(callers.directory, caller.replaceAll(" ", "-"), caller === "no namespace" ? "inner" : "");
  const saved = join(home, "saved.tar");
  await callers.out(caller, ["save", "-o", saved, "built", "changed"]);
  const sum = createHash("sha256")
    .update(execFileSync("cat", [saved], { maxBuffer: 1 << 28 }))
    .digest("hex");
  // From the cache: the layers are read by a command that didn't make them.
  expect(await callers.out(caller, build)).toBe(id);
  expect(await callers.out(caller, ["system", "check"])).toContain("Everything is as it should be.");
  return [id, await callers.out(caller, ["image", "digest", "built"]), sum];
}

test("a build without RUN gives the same bytes whoever starts it, with no namespace and no capability too", async () => {
  const byRoot = await built("root");
  expect(await built("root without capabilities")).toEqual(byRoot);
  expect(await built("subordinate IDs")).toEqual(byRoot);
  expect(await built("one ID")).toEqual(byRoot);
  expect(await built("no namespace")).toEqual(byRoot);
});

test("RUN in a user namespace with subordinate IDs gives root's layers, owners and devices included", async () => {
  expect(await changedImage("subordinate IDs")).toBe(await changedImage("root"));
});

test("what RUN changes keeps its owner and kind where the user has one ID", async () => {
  await callers.out("one ID", ["import", join(callers.directory, "busybox.tar"), "busybox"]);
  const kept = `FROM busybox
ADD root.tar /r/
RUN cd /r && echo more >>etc/shadow && touch dev/null home/f && chmod 640 bin/sg
FROM scratch
COPY --from=0 /r /
`;
  writeFileSync(join(callers.directory, "context/Dockerfile.kept"), kept);
  const tar = join(callers.directory, "one-ID", "kept.tar");
  const file = join(callers.directory, "context/Dockerfile.kept");
  const build = [
    "build",
    "--progress=plain",
    "-f",
    file,
    "-o",
    `type=tar,dest=${tar}`,
    join(callers.directory, "context"),
  ];
  const { code, stderr } = await callers.run("one ID", build);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/WARNING: .* 0 is the only ID/) });
  const listed = execFileSync("tar", ["-tv", "--numeric-owner", "-f", tar], { encoding: "utf8" });
  const [shadow, sg, nothing, home] = ["etc/shadow", "bin/sg", "dev/null", "home/f"].map((name) =>
    listed.split("\n").find((line) => line.endsWith(` ${name}`)),
  );
  expect(shadow).toMatch(/^---------- 0\/42 /);
  expect(sg).toMatch(/^-rw-r----- 0\/8 /);
  expect(nothing).toMatch(/^crw-rw-rw- 0\/0 +1,3 /);
  expect(home).toMatch(/^-r--r--r-- 4711\/4711 +5000 /);
});

test("steps of an ordinary user have the networks host and none, and run as whom they name", async () => {
  await callers.out("subordinate IDs", ["import", join(callers.directory, "busybox.tar"), "busybox"]);
  const build = [
    "build",
    "--no-cache",
    "--progress=plain",
    "-f",
    join(callers.directory, "context/Dockerfile.networks"),
  ];
  const { code, stderr } = await callers.run("subordinate IDs", [...build, join(callers.directory, "context")]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toMatch(/ 0\n.* \/sys\/class\/net\/lo\n/);
  expect(stderr).toMatch(/^#\d+ [\d.]+ 33$/m);
});

test.each<readonly [what: string, caller: Caller, args: readonly string[], said: RegExp]>([
  [
    "RUN without a namespace",
    "no namespace",
    ["build", "networks"],
    /RUN needs .* user\.max_user_namespaces is 0\nhint: sysctl -w/,
  ],
  ["RUN without a capability", "root without capabilities", ["build", "networks"], /CAP_SYS_ADMIN is missing/],
  [
    "another user with one ID",
    "one ID",
    ["build", "networks"],
    /33.*\/etc\/subuid has no subordinate IDs for builder\nhint: usermod/,
  ],
  [
    "a limit",
    "subordinate IDs",
    ["build", "--no-cache", "-m", "64m", "networks"],
    /limits of steps need cgroups: .*\nhint: /,
  ],
  ["a container", "subordinate IDs", ["run", "busybox"], /containers need root of this machine/],
])("what can't be had is refused with a sentence: %s", async (_what, caller, args, said) => {
  const file = join(callers.directory, "context/Dockerfile.networks");
  await callers.out(caller, ["import", join(callers.directory, "busybox.tar"), "busybox"]);
  const build = args.flatMap((arg) => (arg === "networks" ? ["-f", file, join(callers.directory, "context")] : [arg]));
  const { code, stderr } = await callers.run(caller, build);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(said);
});

test("doctor tells an ordinary user what is missing, and how to mend it", async () => {
  expect((await callers.run("subordinate IDs", ["doctor"])).stdout).toMatch(
    /user namespace +ok .*\nsubordinate IDs +ok +65535/,
  );
  expect((await callers.run("one ID", ["doctor"])).stdout).toMatch(
    /subordinate IDs +warning [\s\S]*usermod --add-subuids .* builder/,
  );
  expect((await callers.run("no namespace", ["doctor"])).stdout).toMatch(
    /user namespace +warning [\s\S]*sysctl -w user\.max_user_namespaces=/,
  );
});
