import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { streamOf } from "../../src/archive/testing.ts";
import { receiveContext } from "../../src/build/stream-context.ts";
import { importImage } from "../../src/image/import.ts";
import { loadImages } from "../../src/image/load.ts";
import { digestOf, hexOf } from "../../src/oci/digest.ts";
import { type ArchiveCase, archiveCases } from "./archives.ts";
import { archive, content, entry } from "./make.ts";
import { canaryOf, openTarget, outcomeOf, storeOf, type Target } from "./store.ts";

/** Ways in, each with a store of its own. */
const ways = ["import", "docker", "layout", "context"] as const;
type Way = (typeof ways)[number];

const targets = new Map<Way, Target>();
beforeAll(async () => {
  for (const way of ways) targets.set(way, await openTarget());
});
afterAll(async () => {
  for (const target of targets.values()) await target[Symbol.asyncDispose]();
});

function targetOf(way: Way): Target {
  const target = targets.get(way);
  if (target === undefined) throw new Error(`no store for ${way}`);
  return target;
}

function configFor(layer: Buffer): string {
  return JSON.stringify({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  });
}

/** An archive of an image of this layer, in Docker's form or as an OCI layout. */
function imageOf(layer: Buffer, form: "docker" | "layout"): Buffer {
  const config = configFor(layer);
  if (form === "docker") {
    const manifest = JSON.stringify([{ Config: "c.json", RepoTags: ["hostile:1"], Layers: ["l.tar"] }]);
    const files = [entry("c.json", "file", config), entry("manifest.json", "file", manifest)];
    return archive(...files, named("l.tar", layer));
  }
  const describe = (bytes: Buffer | string) => ({ digest: digestOf(bytes), size: Buffer.byteLength(bytes) });
  const manifest = JSON.stringify({ config: describe(config), layers: [describe(layer)] });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const index = JSON.stringify({ manifests: [{ mediaType, ...describe(manifest) }] });
  const blobs = [config, manifest].map((text) => entry(`blobs/sha256/${hexOf(digestOf(text))}`, "file", text));
  return archive(...blobs, named(`blobs/sha256/${hexOf(digestOf(layer))}`, layer), entry("index.json", "file", index));
}

function named(name: string, bytes: Buffer): Buffer {
  return Buffer.concat([entry(name, "file", "", { size: bytes.length }), content(bytes)]);
}

async function take(way: Way, bytes: Buffer): Promise<unknown> {
  const { deps } = targetOf(way);
  if (way === "import") return await importImage(deps, streamOf(bytes, 100_000));
  if (way !== "context") return await Array.fromAsync(loadImages(deps, streamOf(imageOf(bytes, way), 100_000)));
  await using context = await receiveContext(deps, streamOf(bytes, 100_000));
  return context.dockerfileText;
}

// The cases' names; each is made for the store that it goes to.
const caseNames = archiveCases("/canary").map(({ name }) => name);

describe.each(ways)("%s", (way) => {
  let cases: readonly ArchiveCase[] = [];
  beforeAll(() => {
    cases = archiveCases(targetOf(way).canary);
  });

  test.each(caseNames.map((name, index) => [name, index] as const))("%s", async (_, index) => {
    const target = targetOf(way);
    const hostile = cases[index];
    if (hostile === undefined) throw new Error("no such case");
    const { bytes, expected, context = expected, layer = expected } = hostile;
    const before = { store: storeOf(target), canary: canaryOf(target) };
    const outcome = await outcomeOf(() => take(way, bytes));
    expect(canaryOf(target)).toEqual(before.canary);
    const wanted = way === "context" ? context : way === "import" ? expected : layer;
    // A stream that doesn't begin as an archive is a Dockerfile.
    if (way === "context" && wanted !== "taken" && outcome === "taken") expect(String(wanted)).toMatch(/header|EOF/);
    else expect(outcome).toMatch(wanted);
    if (outcome !== "taken" || way === "context") expect(storeOf(target)).toEqual(before.store);
  });
});
