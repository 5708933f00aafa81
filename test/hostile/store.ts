import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bytesOf } from "../../src/archive/byte-string.ts";
import { streamOf } from "../../src/archive/testing.ts";
import { walk } from "../../src/archive/walk.ts";
import { BerthError } from "../../src/base/errors.ts";
import { openContent } from "../../src/content/content.ts";
import type { ImageDeps } from "../../src/image/images.ts";
import { importImage } from "../../src/image/import.ts";
import { testStore } from "../../src/snapshot/testing.ts";
import { archive, entry } from "./make.ts";

/** A store, and a directory beside it that must stay as it is. */
export interface Target extends AsyncDisposable {
  readonly deps: ImageDeps;
  /** Absolute. */
  readonly canary: string;
}

/** Open a {@link Target}. */
export async function openTarget(): Promise<Target> {
  const store = await testStore();
  const canary = join(dirname(store.host.root), "canary");
  mkdirSync(canary, { mode: 0o750 });
  writeFileSync(join(canary, "kept"), "kept");
  const deps = { ...store, content: openContent(store.host) };
  // A first image makes the directories that every store has.
  await importImage(deps, streamOf(archive(entry("first", "file", canary))));
  return {
    deps,
    canary,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Everything that must be the same after an archive that was refused: files of the store and records. */
export function storeOf({ deps }: Target): unknown {
  const top = (name: string): boolean => name.split("/").length < 3;
  const walked = walk(bytesOf(deps.host.root), { enter: ({ name }) => top(name) });
  const files = Array.from(walked, ({ name }) => name).filter((name) => !/^(metadata\.db|ballast$)/.test(name));
  const tables = ["layer", "image", "image_layer", "image_reference"];
  const rows = tables.map((table) => deps.db.read((sql) => sql.all(`SELECT * FROM ${table}`).length));
  return { files: files.sort(), rows };
}

/** All that a canary directory tells. */
export function canaryOf({ canary }: Target): unknown {
  const { mode, uid, mtimeMs, nlink } = lstatSync(canary);
  const kept = join(canary, "kept");
  const { nlink: links, mode: keptMode } = lstatSync(kept);
  const [beside, inside] = [readdirSync(dirname(canary)).sort(), readdirSync(canary)];
  return { mode, uid, mtimeMs, nlink, links, keptMode, beside, inside, text: readFileSync(kept, "utf8") };
}

/** What came of `work`: `taken`, or the message of the {@link BerthError}. Whatever else is thrown is thrown on. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "taken";
  } catch (error) {
    if (error instanceof BerthError && error.kind !== "internal") return error.message;
    throw error;
  }
}

/** Most memory that this process had since the call, beyond what it had then, bytes. */
export function watchMemory(): () => number {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 20);
  return () => {
    clearInterval(timer);
    look();
    return most - before;
  };
}
