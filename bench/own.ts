import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Berth, openBerth } from "../test/support/berth.ts";
import { baseArchives } from "../test/support/images.ts";
import type { Figure } from "./results.ts";

/** Milliseconds between two looks at a process: what it took at most is kept by the kernel, so that only its end is missed. */
const look = 2;

/** The most memory that a command takes, MiB. */
export async function peakOf(berth: Berth, args: readonly string[]): Promise<number> {
  const child = berth.start(args);
  child.stdout?.resume();
  child.stderr?.resume();
  child.stdin?.end();
  let peak = 0;
  const looking = setInterval(() => {
    peak = Math.max(peak, highWater(child.pid));
  }, look);
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(looking);
  if (code !== 0) throw new Error(`berth ${args.join(" ")} ended with ${code}`);
  return Math.round(peak / 1024);
}

/** KiB; 0 for a process that has ended. @see proc(5), VmHWM */
function highWater(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Bytes of the store by those of the layers in it: Debian, and ten images that are built from it. */
export async function diskFigure(): Promise<Figure> {
  await using berth = openBerth();
  await berth.out(["import", baseArchives().debian, "debian"]);
  const sizeOf = async (name: string): Promise<number> =>
    Number(await berth.out(["image", "inspect", "--format", "{{.Size}}", name]));
  const base = await sizeOf("debian");
  let layers = base;
  for (let child = 0; child < 10; child++) {
    const context = await berth.files(`child-${child}`, { Dockerfile: "FROM debian\nCOPY data /data\n" });
    writeFileSync(join(context, "data"), randomBytes(1 << 20));
    await berth.out(["build", "-q", "-t", `child:${child}`, context]);
    layers += (await sizeOf(`child:${child}`)) - base;
  }
  const stored = bytesBelow(berth.env["BERTH_ROOT"] ?? "");
  return {
    name: "bytes of a store with Debian and ten children, by those of their layers",
    value: `${(stored / layers).toFixed(3)}x`,
    aim: "1.02x",
  };
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
