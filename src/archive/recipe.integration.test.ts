import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { linux } from "../host/syscalls.ts";
import { digestOf } from "../oci/digest.ts";
import { applyLayer } from "./extract.ts";
import { paxRecord } from "./pax.ts";
import { RecipeRecorder, restoreArchive } from "./recipe.ts";
import { blockSize } from "./tar-header.ts";
import { paddingOf } from "./tar-writer.ts";
import { archiveOf, streamOf } from "./testing.ts";

let base = "";
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-recipe-"));
});
afterEach(() => rmSync(base, { recursive: true }));

/** Where a link leads, unless it is gone. */
function readlinkOrNone(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Unpack an archive, and record it. */
async function recorded(archive: Buffer, chunk = 700) {
  const root = mkdtempSync(join(base, "root-"));
  const recipe = `${root}.recipe`;
  await using recorder = new RecipeRecorder(recipe);
  const { intact } = await applyLayer(recorder.through(streamOf(archive, chunk)), root, {
    syscalls: linux,
    whiteouts: "overlay",
    onContent: (path, view, offset) => recorder.content(path, view, offset),
  });
  return { root, recipe, intact, ...(await recorder.finish()) };
}

const restored = async (recipe: string, root: string): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(restoreArchive(recipe, root)));

/** A file as PAX format 1.0 stores a sparse one: two blocks of its map and content, the second after a hole. */
function sparse(name: string, hole: number): Buffer {
  const map = Buffer.alloc(blockSize);
  map.write(`2\n0\n512\n${512 + hole}\n512\n`);
  const content = Buffer.concat([map, Buffer.alloc(512, "a"), Buffer.alloc(512, "b")]);
  const records = Buffer.from(
    [
      paxRecord("GNU.sparse.major", "1"),
      paxRecord("GNU.sparse.minor", "0"),
      paxRecord("GNU.sparse.name", name),
      paxRecord("GNU.sparse.realsize", String(1024 + hole)),
    ].join(""),
    "latin1",
  );
  const special = archiveOf(["x", "file", "r".repeat(records.length)]).subarray(0, blockSize);
  special[156] = "x".charCodeAt(0);
  special.write("        ", 148, "latin1");
  special.write(
    `${special
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    "latin1",
  );
  const file = archiveOf(["GNUSparseFile.0/x", "file", content.toString("latin1")]).subarray(0, 512);
  return Buffer.concat([special, records, Buffer.alloc(paddingOf(records.length)), file, content]);
}

const name = fc.constantFrom("a", "b", "d", "d/a", "d/b", "d/e/c", "é", "n".repeat(120), "l/x");
const part: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .record({
      name,
      content: fc.uint8Array({ maxLength: 3000 }),
      mtimeNs: fc.bigInt({ min: 0n, max: 2_000_000_000_000_000_000n }),
    })
    .map(({ name, content, mtimeNs }) => {
      const bytes = Buffer.from(content);
      const header = archiveOf([name, "file", "x".repeat(bytes.length), { mtimeNs }]);
      return Buffer.concat([
        header.subarray(0, header.length - 1024 - bytes.length - paddingOf(bytes.length)),
        bytes,
        // What pads need not be zeros.
        Buffer.alloc(paddingOf(bytes.length), "p"),
      ]);
    }),
  name.map((each) => archiveOf([each, "dir"]).subarray(0, -1024)),
  name.map((each) => archiveOf([each, "fifo"]).subarray(0, -1024)),
  fc.tuple(name, name).map(([from, to]) => archiveOf([from, "symlink", to]).subarray(0, -1024)),
  fc.constantFrom("d/.wh.a", ".wh.b", "d/.wh..wh..opq").map((each) => archiveOf([each, "file"]).subarray(0, -1024)),
  fc.tuple(name, fc.integer({ min: 0, max: 5000 })).map(([each, hole]) => sparse(each, hole * 512)),
);
const tail = fc.oneof(fc.constant(Buffer.alloc(0)), fc.uint8Array({ maxLength: 2000 }).map(Buffer.from));

describe("a recipe", () => {
  test("gives every archive back whose files stay where they were put, and says of the others that they don't", async () => {
    const kept = { intact: 0, replaced: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 10 }),
        tail,
        fc.integer({ min: 1, max: 2000 }),
        async (parts, garbage, chunk) => {
          const archive = Buffer.concat([...parts, Buffer.alloc(1024), garbage]);
          const { root, recipe, intact, diffID, bytes } = await recorded(archive, chunk).catch((error: unknown) => {
            // A directory below a file can't be unpacked.
            fc.pre(!/not a directory|too many levels/.test(String(error)));
            throw error;
          });
          expect([diffID, bytes]).toEqual([digestOf(archive), archive.length]);
          kept[intact ? "intact" : "replaced"]++;
          if (intact) expect((await restored(recipe, root)).equals(archive)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
    expect(Math.min(kept.intact, kept.replaced)).toBeGreaterThan(20);
  });

  test("holds none of the files' contents, holes aside", async () => {
    const content = Buffer.from(Array.from({ length: 2_000_000 }, (_, i) => (i * i * 31) % 251));
    const header = archiveOf(["big", "file", "x".repeat(content.length)]).subarray(0, 512);
    const archive = Buffer.concat([
      header,
      content,
      Buffer.alloc(paddingOf(content.length) + 1024),
      sparse("s", 1 << 20),
    ]);
    const { root, recipe } = await recorded(archive, 1 << 16);
    expect(statSync(recipe).size).toBeLessThan(1000);
    expect((await restored(recipe, root)).equals(archive)).toBe(true);
  });

  test.each([
    ["a file that became shorter", (root: string) => truncateSync(join(root, "f"), 10)],
    ["a recipe that is cut off", (root: string) => truncateSync(`${root}.recipe`, 60)],
    ["a recipe of another form", (root: string) => writeFileSync(`${root}.recipe`, "berth recipe 2\n")],
  ])("tells of %s", async (_, spoil) => {
    const { root, recipe } = await recorded(archiveOf(["f", "file", "x".repeat(1000)]));
    spoil(root);
    await expect(restored(recipe, root)).rejects.toThrow(/is shorter than it was|is damaged|unexpected EOF/);
  });

  test("is cut off with the archive, and leaves the error to whoever unpacks", async () => {
    const archive = archiveOf(["f", "file", "x".repeat(5000)]);
    await expect(recorded(archive.subarray(0, 2000))).rejects.toThrow('unexpected EOF in "f"');
  });

  test("lets go of the recipe when no more of the archive is wanted", async () => {
    // More than is read ahead: what follows the end of an archive is kept as it is.
    const archive = Buffer.concat([archiveOf(["a", "file", "x"]), randomBytes(8 << 20)]);
    const { root, recipe } = await recorded(archive, 1 << 20);
    const isOpen = (): boolean =>
      readdirSync("/proc/self/fd").some((fd) => readlinkOrNone(join("/proc/self/fd", fd)) === recipe);
    for await (const _ of restoreArchive(recipe, root)) break;
    await vi.waitFor(() => expect(isOpen()).toBe(false));
  });
});
