import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Berth } from "../test/support/berth.ts";
import { baseArchives } from "../test/support/images.ts";

/** Push Debian's tree as an image of five layers of about the same size. Nothing stays in the store. */
export async function pushFiveLayers(berth: Berth, name: string): Promise<void> {
  const context = join(berth.directory, "five-layers");
  const tree = join(context, "tree");
  mkdirSync(tree, { recursive: true });
  execFileSync("tar", ["-C", tree, "-xf", baseArchives().debian]);
  for (const [layer, paths] of fifths(tree).entries()) {
    const list = join(context, `${layer}.txt`);
    writeFileSync(list, paths.join("\0"));
    const names = ["--no-recursion", "--null", "--verbatim-files-from", "-T", list];
    execFileSync("tar", ["-C", tree, "--numeric-owner", ...names, "-cf", join(context, `${layer}.tar`)]);
  }
  rmSync(tree, { recursive: true });
  const adds = Array.from({ length: 5 }, (_, layer) => `ADD ${layer}.tar /\n`);
  writeFileSync(join(context, "Dockerfile"), `FROM scratch\n${adds.join("")}CMD ["bash"]\n`);
  await berth.out(["build", "-q", "-t", name, context]);
  await pushAway(berth, name);
  rmSync(context, { recursive: true });
}

/** The paths of a tree in five runs of about the same size, in an order in which a directory comes before what is in it. */
function fifths(tree: string): readonly (readonly string[])[] {
  const listing = execFileSync("find", [tree, "-mindepth", "1", "-printf", "%s %P\\0"], { encoding: "utf8" });
  const files = listing
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => ({ size: Number(line.slice(0, line.indexOf(" "))), path: line.slice(line.indexOf(" ") + 1) }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const runs: string[][] = [[], [], [], [], []];
  let before = 0;
  for (const { size, path } of files) {
    runs[Math.min(4, Math.floor((5 * before) / total))]?.push(path);
    before += size;
  }
  return runs;
}

/** Bytes of the large layer. */
const large = 1 << 30;
/** It is in files of this size, of which each page is half of chance and half of one letter. */
const fileSize = 16 << 20;
const page = 4096;

/** Push an image of one layer of 1 GiB, about half as large when it is compressed. Nothing stays in the store. */
export async function pushLargeLayer(berth: Berth, name: string): Promise<void> {
  const directory = join(berth.directory, "large-layer");
  mkdirSync(directory);
  const chance = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16));
  const letters = Buffer.alloc(page / 2, "x");
  for (let file = 0; file < large / fileSize; file++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < fileSize; at += page) pieces.push(chance.update(Buffer.alloc(page / 2)), letters);
    const fd = openSync(join(directory, String(file)), "w");
    writeSync(fd, Buffer.concat(pieces));
    closeSync(fd);
  }
  const archive = join(berth.directory, "large-layer.tar");
  execFileSync("tar", ["-C", directory, "-cf", archive, "."]);
  rmSync(directory, { recursive: true });
  await berth.out(["import", archive, name]);
  rmSync(archive);
  await pushAway(berth, name);
}

async function pushAway(berth: Berth, name: string): Promise<void> {
  await berth.out(["push", "-q", name]);
  await berth.out(["rmi", name]);
  await berth.out(["builder", "prune", "-f"]);
}
