import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";

const rootOf = ({ env }: Berth): string => env["BERTH_ROOT"] ?? "";
const runRootOf = ({ env }: Berth): string => env["BERTH_RUN_ROOT"] ?? "";

/** Every file below a directory that isn't one itself, relative to it. */
function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !lstatSync(join(directory, name)).isDirectory())
    .sort();
}

async function checked(berth: Berth, ...flags: readonly string[]): Promise<{ code: number; found: readonly string[] }> {
  const { code, stdout } = await berth.run(["system", "check", "--format", "json", ...flags]);
  const { problems } = JSON.parse(stdout) as { problems: { invariant: string; mended: boolean }[] };
  return { code, found: problems.map(({ invariant, mended }) => `${invariant} ${mended ? "mended" : "left"}`) };
}

/** A store with something of every kind in it. */
async function filled(): Promise<Berth> {
  const berth = await openBerthWithBusybox();
  const dockerfile =
    "FROM busybox\nRUN --mount=type=cache,target=/c echo 1 >/c/f; echo hello >/made; ln /made /twin\nCOPY a /copied\n";
  const context = await berth.files("context", { Dockerfile: dockerfile, a: "content\n" });
  await berth.out(["build", "-q", "-t", "app", context]);
  await berth.out(["run", "--name", "one", "-v", "/data", "app", "sh", "-c", "echo out; echo x >/data/x; echo y >/y"]);
  await berth.out(["commit", "one", "committed"]);
  return berth;
}

test("every byte has an owner, and pruning everything leaves a new store", async () => {
  await using berth = await filled();
  const root = rootOf(berth);
  expect(await checked(berth)).toEqual({ code: 0, found: [] });

  const lines = (await berth.out(["system", "df", "--all"])).split("\n").slice(1);
  const rows = lines.map((line) => ({ kind: line.split(/ {2,}/)[0] ?? "", bytes: Number(line.split(/ +/).at(-1)) }));
  const sumOf = (wanted: (kind: string) => boolean): number =>
    rows.filter(({ kind }) => wanted(kind)).reduce((sum, { bytes }) => sum + bytes, 0);
  const sizes = new Map(
    filesIn(root).map((name) => [lstatSync(join(root, name)).ino, lstatSync(join(root, name)).size]),
  );
  // The log and its index may grow while df runs.
  const database = ["metadata.db", "metadata.db-wal", "metadata.db-shm"].map((name) => lstatSync(join(root, name)));
  for (const { ino } of database) sizes.delete(ino);
  expect(sumOf((kind) => kind !== "all" && kind !== "database")).toBe([...sizes.values()].reduce((a, b) => a + b));
  expect(sumOf((kind) => kind === "database")).toBe(database.reduce((sum, { size }) => sum + size, 0));
  expect(sumOf((kind) => kind === "all")).toBe(sumOf((kind) => kind !== "all"));
  const kinds = ["image", "layer", "container", "volume", "build cache", "database", "ballast", "all"];
  expect([...new Set(rows.map(({ kind }) => kind))]).toEqual(kinds);

  const pruned = await berth.out(["system", "prune", "-a", "-f", "--volumes"]);
  expect(pruned).toMatch(/Deleted Containers:\n[\s\S]*Deleted Volumes:\n[\s\S]*Deleted Images:\n/);
  await berth.out(["builder", "prune", "-a", "-f"]);
  await using fresh = await openBerth();
  await fresh.out(["images"]);
  expect(filesIn(root)).toEqual(filesIn(rootOf(fresh)));
  using records = new DatabaseSync(join(root, "metadata.db"));
  const tables = records.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all() as { name: string }[];
  const counts = tables.map(({ name }) => [name, records.prepare(`SELECT count(*) AS n FROM "${name}"`).get()?.["n"]]);
  const kept = new Set(["sqlite_sequence", "network"]);
  expect(counts.filter(([name, count]) => count !== 0 && !kept.has(String(name)))).toEqual([]);
});

test("a start that was killed half way is no hindrance", async () => {
  await using berth = await openBerthWithBusybox();
  const id = await berth.out(["create", "busybox", "echo", "works"]);
  const bundle = join(runRootOf(berth), "containers", id);
  const start = berth.start(["start", id]);
  const closed = once(start, "close");
  // A start that is quicker than a look ends by itself.
  while (!existsSync(join(bundle, "config.json")) && start.exitCode === null) await sleep(1);
  start.kill("SIGKILL");
  await closed;
  const { found } = await checked(berth);
  expect(["C5 left", undefined]).toContain(found[0]);
  expect(await berth.out(["start", "-a", id])).toBe("works");
  expect(await checked(berth)).toEqual({ code: 0, found: [] });
  expect(existsSync(bundle)).toBe(false);
});

test("damage is found, named with what it touches, and mended", async () => {
  await using berth = await filled();
  const root = rootOf(berth);
  const id = await berth.out(["images", "-q", "--no-trunc", "app"]);
  const blob = join(root, "blobs/sha256", id.replace("sha256:", ""));
  for (const spoil of [
    () => truncateSync(blob, 100),
    () => rmSync(blob),
    () => {
      rmSync(blob);
      mkdirSync(blob);
    },
    () => {
      rmSync(blob, { recursive: true });
      execFileSync("sh", ["-c", 'mkfifo "$0"', blob]);
    },
    () => writeFileSync(blob, readFileSync(blob, "utf8").replace("amd64", "amd63").replace("arm64", "arm63")),
  ]) {
    spoil();
    expect(await checked(berth)).toEqual({ code: 1, found: ["B1 left"] });
    expect(await checked(berth, "--repair")).toEqual({ code: 0, found: ["B1 mended"] });
  }
  expect(await checked(berth)).toEqual({ code: 0, found: [] });

  const made = readdirSync(join(root, "layers")).find((name) => existsSync(join(root, "layers", name, "made"))) ?? "";
  const file = join(root, "layers", made, "made");
  // One bit, which the checksum tells; then several.
  writeFileSync(file, "jello\n");
  expect(new Set((await checked(berth, "--repair")).found)).toEqual(new Set(["L3 mended"]));
  expect(readFileSync(file, "utf8")).toBe("hello\n");
  writeFileSync(file, "HELLO\n");
  const { code, stdout } = await berth.run(["system", "check", "--repair"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/L3 can't be mended: layer sha256:\w+: \/made: content/);
  expect(stdout).toContain("images: app:latest, committed:latest");
  expect(stdout).toContain("containers: one");
  expect(await berth.out(["run", "--rm", "busybox", "echo", "works"])).toBe("works");
});

test("what a command that was killed has left is found and collected, and what a living one holds is not", async () => {
  await using berth = await openBerthWithBusybox();
  const [root, runRoot] = [rootOf(berth), runRootOf(berth)];
  const dockerfile = (seconds: number): string => `FROM busybox\nRUN echo started; sleep ${seconds}\n`;
  const start = async (name: string): Promise<ReturnType<Berth["start"]>> => {
    const context = await berth.files(name, { Dockerfile: dockerfile(100 + name.length) });
    const build = berth.start(["build", "--progress=plain", context]);
    let seen = "";
    build.stderr?.on("data", (data: Buffer) => {
      seen += data.toString();
    });
    while (!/^#\d+ [\d.]+ started/m.test(seen)) await sleep(20);
    return build;
  };
  const killed = await start("killed");
  killed.kill("SIGKILL");
  await once(killed, "close");
  const living = await start("living!");
  const addresses = (): number => {
    using state = new DatabaseSync(join(runRoot, "state.db"));
    return Number(state.prepare("SELECT count(*) AS n FROM endpoint").get()?.["n"]);
  };
  const steps = (): number => readdirSync(runRoot).filter((name) => name.startsWith("step-")).length;
  expect([addresses(), steps(), readdirSync(join(root, "active")).length]).toEqual([2, 2, 2]);

  const { code, found } = await checked(berth);
  expect(code).toBe(0);
  expect(new Set(found)).toEqual(new Set(["X1 left", "C5 left", "L6 left"]));
  await berth.out(["container", "prune", "-f"]);
  expect([addresses(), steps(), readdirSync(join(root, "active")).length]).toEqual([1, 1, 1]);
  expect(await checked(berth)).toEqual({ code: 0, found: [] });
  living.kill("SIGINT");
  await once(living, "close");
  expect(await checked(berth)).toEqual({ code: 0, found: [] });
  expect([addresses(), steps(), readdirSync(join(root, "active")).length]).toEqual([0, 0, 0]);
});
