import fc from "fast-check";
import { test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import { parseReference } from "../oci/reference.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { dockerImages } from "./archived-image.ts";
import { layoutImages } from "./layout-images.ts";

const digest = `sha256:${"a".repeat(64)}`;
const config = {
  os: "linux",
  architecture: "amd64",
  config: { Env: ["A=1"], Cmd: ["sh"], Labels: { a: "b" }, Healthcheck: { Test: ["NONE"], Interval: 1 } },
  rootfs: { type: "layers", diff_ids: [digest] },
  history: [{ created_by: "x", empty_layer: true }],
};
const manifest = [{ Config: "c.json", RepoTags: ["a:1"], Layers: ["l.tar"] }];
const index = { manifests: [{ mediaType: "x", digest, size: 3, platform: { os: "linux", architecture: "amd64" } }] };

/** A value in which one part, at any depth, is another. */
function changed(value: unknown, path: readonly number[], by: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined || typeof value !== "object" || value === null) return by;
  const keys = Object.keys(value);
  const key = keys[first % Math.max(1, keys.length)];
  if (key === undefined) return by;
  const inner = changed((value as Readonly<Record<string, unknown>>)[key], rest, by);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner };
}

const path = fc.array(fc.nat(8), { maxLength: 5 });

/** JSON with one part changed, and sometimes a few characters too. */
function spoilt(value: unknown): fc.Arbitrary<Buffer> {
  return fc.tuple(path, fc.jsonValue({ maxDepth: 2 }), fc.nat(400), fc.string({ maxLength: 2 })).map((change) => {
    const [at, by, place, text] = change;
    const json = JSON.stringify(changed(value, at, by));
    return Buffer.from(place < json.length ? json.slice(0, place) + text + json.slice(place + text.length) : json);
  });
}

function only(name: string, bytes: Buffer): ArchiveFiles {
  return {
    size: async (file) => (file === name ? bytes.length : undefined),
    open: async function* () {
      yield bytes;
    },
    release: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** True when `body` ends, or fails with what a user can act on. */
async function holds(body: () => unknown): Promise<boolean> {
  try {
    await body();
    return true;
  } catch (error) {
    return error instanceof BerthError;
  }
}

const runs = { numRuns: 500 };

test("any config is read or is a BerthError", async () => {
  await fc.assert(
    fc.asyncProperty(spoilt(config), (bytes) => holds(() => parseImageConfig(bytes))),
    runs,
  );
});

test("any manifest is read or is a BerthError", async () => {
  const read = (bytes: Buffer) => holds(() => dockerImages(only("manifest.json", bytes)));
  await fc.assert(fc.asyncProperty(spoilt(manifest), read), runs);
});

test("any index is read or is a BerthError", async () => {
  const read = (bytes: Buffer) => holds(() => layoutImages(only("index.json", bytes), []));
  await fc.assert(fc.asyncProperty(spoilt(index), read), runs);
});

test("any text is a reference or a BerthError", async () => {
  const piece = fc.oneof(
    fc.constantFrom("a", "A", "/", ":", "@", "sha256:", "-", ".", "_", "localhost", digest),
    fc.string(),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
  await fc.assert(
    fc.asyncProperty(text, (name) => holds(() => parseReference(name))),
    runs,
  );
});
