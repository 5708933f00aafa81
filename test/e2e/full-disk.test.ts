import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeOf } from "../../src/base/errors.ts";
import { ballastSize } from "../../src/metadata/ballast.ts";
import { type Berth, openBerth } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { runProgram } from "../support/program.ts";

const mebibyte = 1 << 20;

async function done(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, args);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}`);
}

/** A file system of 64 MiB of its own below a berth's root. */
async function mounted({ directory }: Berth, kind: "tmpfs" | "ext4"): Promise<AsyncDisposable & { root: string }> {
  const root = join(directory, "root");
  mkdirSync(root);
  const image = join(directory, "disk");
  if (kind === "ext4") {
    await done("truncate", ["-s", "64M", image]);
    await done("mkfs.ext4", ["-q", "-m", "0", image]);
    await done("mount", ["-o", "loop", image, root]);
  } else await done("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", root]);
  return { root, [Symbol.asyncDispose]: () => done("umount", [root]) };
}

/** Take every free byte, as a program that has gone wild does. */
function fill(root: string): void {
  const file = openSync(join(root, "wild"), "a");
  try {
    for (let chunk = Buffer.alloc(mebibyte, "x"); chunk.length > 0; ) {
      try {
        writeSync(file, chunk);
      } catch (error) {
        if (codeOf(error) !== "ENOSPC") throw error;
        chunk = chunk.subarray(0, chunk.length >> 1);
      }
    }
  } finally {
    closeSync(file);
  }
}

async function stored(berth: Berth): Promise<void> {
  for (const name of ["one", "two", "three"]) {
    await berth.out(["import", "-c", `LABEL name=${name}`, baseArchives().busybox, name]);
  }
  // An image without a name, and a layer that only a build needs.
  await berth.out(["tag", "three", "two"]);
  const context = await berth.files("context", { Dockerfile: "FROM three\nCOPY a /a\n", a: "a".repeat(3 * mebibyte) });
  await berth.out(["build", "-q", "-t", "built", context]);
  await berth.out(["rmi", "built"]);
  await berth.out(["create", "--name", "user", "one", "true"]);
}

test.each(["tmpfs", "ext4"] as const)("what deletes works on a full %s, and gives back the ballast", async (kind) => {
  await using berth = openBerth();
  await using disk = await mounted(berth, kind);
  await stored(berth);
  const ballast = join(disk.root, "ballast");
  expect(lstatSync(ballast).size).toBe(ballastSize);

  fill(disk.root);
  expect(statfsSync(disk.root).bavail).toBe(0);
  const refused = await berth.run(["import", baseArchives().busybox, "four"]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("no space left on device");
  expect(lstatSync(ballast).size).toBe(ballastSize);
  expect(await berth.out(["images", "--format", "{{.Repository}}", "one"])).toBe("one");
  expect(await berth.out(["ps", "-a", "--format", "{{.Names}}"])).toBe("user");
  expect(lstatSync(ballast).size).toBe(ballastSize);

  for (const [args, output] of [
    [["rm", "user"], /^user$/],
    [["builder", "prune", "-f"], /space: 3\.1/],
    [["image", "prune", "-f"], /deleted: sha256/],
    [["rmi", "one"], /Deleted: sha256/],
    [["system", "prune", "-a", "-f"], /deleted: sha256/],
  ] as const) {
    fill(disk.root);
    expect(await berth.out(args)).toMatch(output);
  }
  expect(statfsSync(disk.root).bavail).toBeGreaterThan(0);
  rmSync(join(disk.root, "wild"));
  const { code, stdout } = await berth.run(["system", "check", "--format", "json"]);
  expect([code, (JSON.parse(stdout) as { problems: unknown[] }).problems]).toEqual([0, []]);
  expect(lstatSync(ballast).size).toBe(ballastSize);
  expect(await berth.out(["system", "df", "--all"])).toMatch(/^ballast +1 +1048576$/m);
  expect(readdirSync(join(disk.root, "layers"))).toEqual([]);
});

test("a build that fills the disk says so, with the step and what to do", async () => {
  await using berth = openBerth();
  await using _disk = await mounted(berth, "tmpfs");
  await berth.out(["import", baseArchives().busybox, "busybox"]);
  const told = async (step: string): Promise<string> => {
    const context = await berth.files("context", {
      Dockerfile: `FROM busybox\n${step}\n`,
      f: "x".repeat(80 * mebibyte),
    });
    const { code, stderr } = await berth.run(["build", "--network", "none", "--progress", "plain", context]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ +2 \| >>> /m);
    expect(stderr).toContain("hint: `berth system df` shows what takes space");
    return stderr;
  };
  expect(await told("RUN dd if=/dev/zero of=/f bs=1M count=80")).toContain(
    "did not complete successfully: exit code: 1\n",
  );
  await berth.out(["builder", "prune", "-f"]);
  expect(await told("COPY f /")).toMatch(/^ERROR: failed to solve: \w+.*: no space left on device$/m);
});
