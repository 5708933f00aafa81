import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Berth, berthCommand } from "../test/support/berth.ts";
import { baseArchives } from "../test/support/images.ts";
import { runProgram } from "../test/support/program.ts";
import { openTwins } from "../test/support/twins.ts";
import { type Engine, importsOfBuildah, openBuildah, openPodman } from "./peers.ts";
import type { EngineName, Figure } from "./results.ts";

/** The most memory that one process of a command takes, MiB. @see wait4(2), ru_maxrss */
export async function peakOf(berth: Berth, args: readonly string[]): Promise<number> {
  const measured = ["--format", "%M", berthCommand, ...args];
  const { code, stderr } = await runProgram("/usr/bin/time", measured, { cwd: berth.directory, env: berth.env });
  if (code !== 0) throw new Error(`berth ${args.join(" ")} ended with ${code}: ${stderr}`);
  return Math.round(Number(stderr.trimEnd().split("\n").at(-1)) / 1024);
}

/**
 * What each store grows by for Debian, imported, and ten images that are built from it, by the bytes that Docker counts in
 * their layers. It opens all engines, and closes them.
 */
export async function diskFigure(): Promise<Figure> {
  await using twins = await openTwins();
  if (twins === undefined) throw new Error("nothing to compare with");
  await using podman = await openPodman();
  await using buildah = await openBuildah();
  const { berth, docker } = twins;
  const root = await docker.run(["info", "--format", "{{.DockerRootDir}}"]);
  const stores: readonly (readonly [EngineName, (Engine & { readonly store: string }) | undefined])[] = [
    ["berth", { run: berth.run, store: berth.env["BERTH_ROOT"] ?? "" }],
    ["docker", { run: docker.run, store: root.stdout.trim() }],
    ["podman", podman],
    ["buildah", buildah],
  ];
  const contexts = children.map((child) => writeContext(join(berth.directory, `child-${child}`)));
  const grown: (readonly [EngineName, number])[] = [];
  for (const [name, engine] of stores) {
    if (engine === undefined) continue;
    const before = bytesBelow(engine.store);
    const failure = await runAll(engine, family(name, contexts));
    if (failure === undefined) grown.push([name, bytesBelow(engine.store) - before]);
    else console.log(`*** ${name} can't show what it stores: ${failure} ***`);
  }
  const layers = await bytesOfLayers(docker);
  return {
    name: "disk for Debian, imported, and ten children, built: bytes of the store by those of the layers",
    values: Object.fromEntries(grown.map(([name, bytes]) => [name, `${(bytes / layers).toFixed(3)}x`])),
    aim: "1.02x",
  };
}

const children = Array.from({ length: 10 }, (_, child) => child);
const names = [...children.map((child) => `child:${child}`), "debian:parent"];

function writeContext(directory: string): string {
  mkdirSync(directory);
  writeFileSync(join(directory, "Dockerfile"), "FROM debian:parent\nCOPY data /data\n");
  writeFileSync(join(directory, "data"), randomBytes(1 << 20));
  return directory;
}

function family(name: EngineName, contexts: readonly string[]): readonly (readonly string[])[] {
  const { debian } = baseArchives();
  return [
    ...(name === "buildah" ? importsOfBuildah(debian, "debian:parent") : [["import", debian, "debian:parent"]]),
    ...contexts.map((context, child) => ["build", "-q", "-t", `child:${child}`, context]),
  ];
}

/** What the first failure said, if there was one. */
async function runAll(engine: Engine, commands: readonly (readonly string[])[]): Promise<string | undefined> {
  for (const args of commands) {
    const { code, stderr } = await engine.run(args);
    if (code !== 0) return `${args.join(" ")}: ${stderr.trim().split("\n").at(-1)}`;
  }
  return undefined;
}

async function bytesOfLayers(docker: Engine): Promise<number> {
  const { stdout } = await docker.run(["image", "inspect", "--format", "{{.Size}}", ...names]);
  const sizes = stdout.trim().split("\n").map(Number);
  const parent = sizes.at(-1) ?? Number.NaN;
  return sizes.slice(0, -1).reduce((sum, size) => sum + size - parent, parent);
}

/** Sum of the sizes of all files, each once; not the directories' own blocks. */
function bytesBelow(directory: string, seen: Set<number> = new Set()): number {
  let bytes = 0;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const stats = lstatSync(path);
    if (stats.isDirectory()) bytes += bytesBelow(path, seen);
    else if (!seen.has(stats.ino)) bytes += stats.size;
    seen.add(stats.ino);
  }
  return bytes;
}
