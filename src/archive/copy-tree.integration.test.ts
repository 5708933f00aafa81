import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { linux } from "../host/syscalls.ts";
import { copyTree } from "./copy-tree.ts";
import { applyLayer } from "./extract.ts";
import { hashLayer, layerWriters } from "./layer-tar.ts";
import { archiveOf, streamOf } from "./testing.ts";

const syscalls = linux;
let base = "";
let from = "";
let to = "";

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "berth-copy-"));
  from = join(base, "from");
  to = join(base, "to");
  mkdirSync(from);
  const archive = archiveOf(
    ["caf\xe9", "file", "x", { mode: 0o4755, uid: 3, gid: 4, mtimeNs: 1_700_000_000_000_000_001n }],
    ["d", "dir", "", { mode: 0o1777, mtimeNs: -5n, xattrs: new Map([["user.note", Buffer.from("hi")]]) }],
    ["d/link", "link", "caf\xe9"],
    ["d/null", "char", "", { major: 1, minor: 3 }],
    ["d/pipe", "fifo"],
    ["d/.wh..wh..opq", "file"],
    ["d/.wh.gone", "file"],
    ["s", "symlink", "/nowhere", { uid: 9 }],
  );
  await applyLayer(streamOf(archive), from, { syscalls, whiteouts: "overlay" });
});

afterEach(() => rmSync(base, { recursive: true }));

test("a copied layer has the same digest", async () => {
  await copyTree(from, to, { syscalls, layer: true });
  const options = { syscalls, writer: layerWriters.taken };
  expect(await hashLayer(to, options)).toEqual(await hashLayer(from, options));
  expect(lstatSync(join(to, "d/link")).nlink).toBe(2);
});

test("a plain copy is not opaque", async () => {
  await copyTree(from, to, { syscalls });
  expect(linux.llistxattr(join(to, "d"))).toEqual(["user.note"]);
});

test("owner, mode and time can be given", async () => {
  await copyTree(from, to, { syscalls, owner: { uid: 7, gid: 8 }, mode: 0o640, mtimeNs: 9n });
  for (const name of ["", "d", "d/link", "s"]) {
    const { uid, gid, mtimeNs } = lstatSync(join(to, name), { bigint: true });
    expect([name, uid, gid, mtimeNs]).toEqual([name, 7n, 8n, 9n]);
  }
  expect(lstatSync(join(to, "d")).mode & 0o7777).toBe(0o640);
  expect(lstatSync(join(to, "s")).mode & 0o7777).toBe(0o777);
});

test("the filter leaves out directories with their content", async () => {
  const seen: string[] = [];
  await copyTree(from, to, { syscalls, filter: (name, kind) => seen.push(`${name} ${kind}`) > 0 && name !== "d" });
  expect(seen).toEqual([" dir", "caf\udce9 file", "d dir", "s symlink"]);
  expect(lstatSync(join(to, "d"), { throwIfNoEntry: false })).toBeUndefined();
});

test("what goes away while it is copied is left out", async () => {
  const filter = (name: string): boolean => {
    if (name === "s") rmSync(join(from, "s"));
    if (name === "d") rmSync(join(from, "d"), { recursive: true });
    return true;
  };
  await copyTree(from, to, { syscalls, filter });
  expect(readdirSync(to, "latin1")).toEqual(["caf\xe9"]);
});

test("a directory is added to a directory, a file replaces a file and not what it is linked to", async () => {
  mkdirSync(join(to, "d"), { recursive: true });
  writeFileSync(join(to, "d/kept"), "kept");
  await copyTree(from, to, { syscalls });
  await copyTree(join(to, "d/kept"), join(to, "s"), { syscalls });
  expect(readFileSync(join(to, "s"), "utf8")).toBe("kept");
  expect(readFileSync(join(to, "d/kept"), "utf8")).toBe("kept");
});

test("a file and a directory don't replace each other", async () => {
  writeFileSync(to, "file");
  await expect(copyTree(from, to, { syscalls })).rejects.toThrow(`not a directory: ${to}`);
  await expect(copyTree(to, from, { syscalls })).rejects.toThrow(
    `cannot overwrite directory with non-directory: ${from}`,
  );
});
