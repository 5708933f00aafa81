import { createReadStream, rmSync, writeFileSync } from "node:fs";
import { textOf } from "../../src/archive/byte-string.ts";
import { readTar } from "../../src/archive/tar-entries.ts";
import type { Outcome, Start } from "../support/program.ts";

/** An engine's command. */
type Run = (args: readonly string[], start?: Start) => Promise<Outcome>;

/** What an engine made of an archive: the tree that a container of it sees, a line an entry, or why it was refused. */
export type Made = { readonly tree: readonly string[] } | { readonly refused: string };

/** What the engines put into a container themselves. */
const own = /^\/?(\.dockerenv|dev(\/.*)?|etc|etc\/(hosts|hostname|resolv\.conf|mtab)|proc|sys)?\/?$/;

/** Import an archive of a file system, and export it again. `scratch` is a file's path, gone afterwards. */
export async function importedTree(run: Run, bytes: Buffer, scratch: string): Promise<Made> {
  writeFileSync(scratch, bytes);
  const imported = await run(["import", scratch, "hostile:tree"]);
  rmSync(scratch);
  if (imported.code !== 0) return { refused: imported.stderr.trim() };
  const created = await run(["create", "hostile:tree", "x"]);
  if (created.code !== 0) return { refused: created.stderr.trim() };
  const id = created.stdout.trim();
  const exported = await run(["export", "-o", scratch, id]);
  const tree = exported.code === 0 ? { tree: await listing(scratch) } : { refused: exported.stderr.trim() };
  rmSync(scratch, { force: true });
  await run(["rm", id]);
  await run(["rmi", "hostile:tree"]);
  return tree;
}

/** Load an archive of images: the lines that are printed, or why it was refused. */
export async function loaded(run: Run, bytes: Buffer, scratch: string): Promise<Made> {
  writeFileSync(scratch, bytes);
  const { code, stdout, stderr } = await run(["load", "-q", "-i", scratch]);
  rmSync(scratch);
  if (code !== 0) return { refused: stderr.trim() };
  const lines = stdout.trim().split("\n");
  const names = lines.map((line) => line.replace(/^Loaded image(?: ID)?: /, ""));
  await run(["rmi", "-f", ...names]);
  return { tree: lines };
}

async function listing(path: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { header, body } of readTar(createReadStream(path))) {
    for await (const _ of body);
    const { type, mode, uid, gid, size, mtimeNs } = header;
    const name = textOf(header.name).replace(/\/$/, "");
    if (own.test(name)) continue;
    const owner = `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
    const when = type === "dir" ? "" : ` @${mtimeNs / 1_000_000_000n}`;
    lines.push(`${type} ${owner} ${size} ${JSON.stringify(name)} ${JSON.stringify(textOf(header.linkname))}${when}`);
  }
  return lines.sort();
}
