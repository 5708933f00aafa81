import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linux } from "../host/syscalls.ts";
import { applyLayer } from "./extract.ts";
import { hashLayer, type LayerTarOptions, layerTar, layerWriters, manifestTar } from "./layer-tar.ts";
import { observe } from "./manifest.ts";
import { archiveOf, type Entry, streamOf } from "./testing.ts";

let base = "";

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-layer-"));
});

afterEach(() => rmSync(base, { recursive: true }));

const syscalls = linux;

async function applied(archive: Buffer): Promise<string> {
  const root = mkdtempSync(join(base, "root-"));
  chmodSync(root, 0o755);
  await applyLayer(streamOf(archive, 777), root, { syscalls, whiteouts: "overlay" });
  return root;
}

const taken = { syscalls, writer: layerWriters.taken };

/** Of the directory, and of what a manifest says of it: they are the same. */
async function archived(root: string, options: LayerTarOptions = taken): Promise<Buffer> {
  const archive = Buffer.concat(await Array.fromAsync(layerTar(root, options)));
  const manifest = await Array.fromAsync(observe(root, { syscalls, sum: () => 0 }));
  const again = Buffer.concat(await Array.fromAsync(manifestTar(root, manifest, options)));
  expect(again.equals(archive)).toBe(true);
  return archive;
}

function listed(archive: Buffer): string[] {
  return execFileSync("tar", ["-tf", "-"], { input: archive }).toString().trimEnd().split("\n");
}

const name = fc.constantFrom(
  "a",
  "b",
  "c",
  "d/a",
  "d/b",
  "d/e/f",
  "a/b",
  "é",
  "caf\xe9",
  "x".repeat(130),
  "d/.wh.a",
  ".wh.b",
  "d/.wh..wh..opq",
);
const time = fc.bigInt({ min: -1_000_000_000_000_000_000n, max: 4_000_000_000_000_000_000n });
const entry: fc.Arbitrary<Entry> = fc
  .record({
    name,
    type: fc.constantFrom("file", "dir", "symlink", "char", "fifo", "block"),
    text: fc.string({ minLength: 1, maxLength: 2000 }).map((text) => text.replaceAll("\0", "x")),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 70_000 }),
    mtimeNs: time,
    xattrs: fc.constantFrom(
      [],
      [["user.k=1", "v"]],
      [
        ["user.b", ""],
        ["user.a", "\0\xff"],
        ["security.capability", ""],
      ],
    ),
  })
  .map(({ name, type, text, xattrs, ...fields }) => {
    const whiteout = name.includes(".wh.");
    const kind = whiteout ? "file" : type;
    const map = new Map(
      kind === "symlink" || kind === "fifo" || kind === "char" || kind === "block"
        ? []
        : xattrs.map(([key = "", value = ""]) => [key, Buffer.from(value, "latin1")]),
    );
    map.delete("security.capability");
    return [
      name,
      kind,
      kind === "symlink" ? text.slice(0, 200) : text,
      { ...fields, gid: fields.uid, major: kind === "char" ? 1 : 0, minor: 3, xattrs: map },
    ] as const;
  });

describe("the canonical archive", () => {
  test("is the same after it was unpacked, whatever archive the layer came from", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 12 }), async (entries) => {
        const root = await applied(
          archiveOf(...entries.filter(([name, type], i) => fits(entries.slice(0, i), name, type))),
        );
        const first = await archived(root);
        const again = await archived(await applied(first));
        expect(listed(again)).toEqual(listed(first));
        expect(again.equals(first)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test("has the digest that hashing its directory gives", async () => {
    const root = await applied(
      archiveOf(
        ["big", "file", "x".repeat(3_000_000)],
        ["d/small", "file", "y"],
        ["empty", "file"],
        ["h", "link", "big"],
        ["s", "symlink", "big"],
      ),
    );
    const archive = await archived(root);
    const diffID = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
    expect(await hashLayer(root, taken)).toEqual({ diffID, size: 3_000_004, bytes: archive.length });
  });

  test("comes in buffers that are used in turn, each left alone until the next but one is asked for", async () => {
    const root = await applied(archiveOf(["big", "file", Buffer.alloc(5_500_000, "0123456789").toString()]));
    const manifest = await Array.fromAsync(observe(root, { syscalls, sum: () => 0 }));
    const whole = await archived(root);
    for (const batches of [
      layerTar(root, { ...taken, reuse: true }),
      manifestTar(root, manifest, { ...taken, reuse: true }),
    ]) {
      const buffers = new Set<ArrayBufferLike>();
      const copies: Buffer[] = [];
      let before: Buffer | undefined;
      for await (const batch of batches) {
        if (before !== undefined) copies.push(Buffer.from(before));
        buffers.add(batch.buffer);
        before = batch;
      }
      expect(Buffer.concat([...copies, before ?? Buffer.alloc(0)]).equals(whole)).toBe(true);
      expect(buffers.size).toBe(2);
    }
  });

  test("never changes: diffIDs of stored layers depend on it", async () => {
    const root = await applied(
      archiveOf(
        ["bin", "symlink", "usr/bin", { mtimeNs: 1_600_000_000_000_000_000n }],
        ["etc", "dir", "", { mode: 0o700, uid: 1, gid: 2 }],
        ["etc/.wh..wh..opq", "file"],
        ["etc/.wh.gone", "file"],
        ["etc/passwd", "file", "root\n", { mode: 0o4755, mtimeNs: 1_500_000_000_123_000_000n }],
        ["etc/passwd-", "link", "etc/passwd"],
        ["dev/null", "char", "", { major: 1, minor: 3, mode: 0o666 }],
        ["n".repeat(101), "file", "", { xattrs: new Map([["user.note", Buffer.from("hi")]]) }],
      ),
    );
    const { diffID } = await hashLayer(root, taken);
    expect(diffID).toBe("sha256:b5dfed90a4f9efc5a2cfc54341af01cfb505080d9e4cc1279d82c54c1d15ba0b");
  });

  test("holds of the extended attributes of a layer made here only the capabilities of programs", async () => {
    const capabilities = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const origin = ["user.origin", Buffer.from("somewhere")] as const;
    const root = await applied(
      archiveOf(
        ["d", "dir", "", { xattrs: new Map([origin]) }],
        ["ping", "file", "x", { xattrs: new Map([origin, ["security.capability", capabilities]]) }],
      ),
    );
    const kept = (archive: Buffer): unknown => archive.toString("latin1").match(/(user|security)\.[a-z]+(?==)/g);
    expect(kept(await archived(root, { syscalls, writer: layerWriters.made }))).toEqual(["security.capability"]);
    expect(kept(await archived(root))).toEqual(["user.origin", "security.capability", "user.origin"]);
  });

  test("lists a directory before its content, names by their bytes, opaque markers first", async () => {
    const root = await applied(
      archiveOf(
        ["b", "dir"],
        ["b/z", "file"],
        ["b/.wh.y", "file"],
        ["b/.wh..wh..opq", "file"],
        ["b-1", "file"],
        ["A", "file"],
      ),
    );
    expect(listed(await archived(root))).toEqual(["A", "b/", "b/.wh..wh..opq", "b/.wh.y", "b/z", "b-1"]);
  });

  test("stores a file with several names once", async () => {
    const root = await applied(archiveOf(["z", "file", "text"], ["a", "link", "z"], ["d/m", "link", "z"]));
    const list = execFileSync("tar", ["-tvf", "-"], { input: await archived(root) }).toString();
    expect(list.match(/ -> | link to (\S+)/g)).toEqual([" link to a", " link to a"]);
  });

  test("has the root only where it is out of the ordinary", async () => {
    const root = await applied(archiveOf(["a", "file"]));
    expect(listed(await archived(root))).toEqual(["a"]);
    chmodSync(root, 0o1777);
    const archive = await archived(root);
    expect(listed(archive)).toEqual(["./", "a"]);
    expect(lstatSync(await applied(archive)).mode & 0o7777).toBe(0o1777);
  });

  test("leaves out sockets, labels of this machine and overlayfs's own attributes", async () => {
    const root = join(base, "upper");
    mkdirSync(join(root, "d"), { recursive: true });
    execFileSync("python3", [
      "-c",
      "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
      join(root, "socket"),
    ]);
    linux.lsetxattr(join(root, "d"), "trusted.overlay.origin", Buffer.from("x"));
    linux.lsetxattr(join(root, "d"), "trusted.note", Buffer.from("kept"));
    const archive = await archived(root);
    expect(listed(archive)).toEqual(["d/"]);
    expect(archive.includes("trusted.note=kept")).toBe(true);
    expect(archive.includes("overlay")).toBe(false);
  });
});

describe("unpacking in overlayfs's form", () => {
  const opaque = (path: string): string | undefined => linux.lgetxattr(path, "trusted.overlay.opaque")?.toString();

  test("a directory in place of a deleted one doesn't show what was deleted", async () => {
    const after = await applied(archiveOf([".wh.d", "file"], ["d", "dir"]));
    expect(opaque(join(after, "d"))).toBe("y");
    const before = await applied(archiveOf(["d", "dir"], [".wh.d", "file"]));
    expect(opaque(join(before, "d"))).toBe("y");
  });

  test("a whiteout leaves a file of the same archive alone", async () => {
    const root = await applied(archiveOf(["f", "file", "x"], [".wh.f", "file"]));
    expect(lstatSync(join(root, "f")).isFile()).toBe(true);
  });

  test("an archive can't speak overlayfs's language", async () => {
    const xattrs = new Map([
      ["trusted.overlay.redirect", Buffer.from("/etc")],
      ["user.fine", Buffer.from("kept")],
    ]);
    const root = await applied(archiveOf(["d", "dir", "", { xattrs }]));
    expect(linux.llistxattr(join(root, "d"))).toEqual(["user.fine"]);
  });

  test("capabilities of a file survive its owner", async () => {
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
    const xattrs = new Map([["security.capability", capability]]);
    const root = await applied(archiveOf(["ping", "file", "x", { uid: 5, mode: 0o4755, xattrs }]));
    expect(linux.lgetxattr(join(root, "ping"), "security.capability")).toEqual(capability);
    expect(lstatSync(join(root, "ping")).mode & 0o7777).toBe(0o4755);
  });

  test("large device numbers survive", async () => {
    const root = await applied(archiveOf(["dev", "block", "", { major: 3000, minor: 700_000 }]));
    const again = await applied(await archived(root));
    expect(lstatSync(join(again, "dev")).rdev).toBe(lstatSync(join(root, "dev")).rdev);
    expect(execFileSync("stat", ["-c", "%Hr,%Lr", join(again, "dev")]).toString()).toBe("3000,700000\n");
  });
});

/** Entries below what an earlier entry made as no directory are refused: not what is tested here. */
function fits(before: readonly Entry[], name: string, type: string): boolean {
  const parents = new Map(before.map(([earlier, kind]) => [earlier, kind]));
  const parts = name.split("/").slice(0, -1);
  const blocked = parts.some((_, i) => {
    const kind = parents.get(parts.slice(0, i + 1).join("/"));
    const hidden = parents.has([...parts.slice(0, i), `.wh.${parts[i]}`].join("/"));
    return (kind !== undefined && kind !== "dir") || hidden;
  });
  return !blocked && type !== "";
}
