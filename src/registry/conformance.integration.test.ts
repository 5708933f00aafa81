import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openRegistry, type Registry } from "../../test/support/registry.ts";
import type { StrictOptions } from "../../test/support/strict-call.ts";
import { openStrictRegistry, type StrictRegistry } from "../../test/support/strict-registry.ts";
import { defaultSettings } from "../host/settings.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { indexType } from "../oci/image-index.ts";
import { openRegistries } from "./registries.ts";
import type { Repository } from "./repository.ts";
import {
  collected,
  manifestOf,
  manifestType,
  registriesOfTest,
  repositoryOfTest,
  streamOf,
  uploadOf,
} from "./testing.ts";

// The points of the distribution spec's conformance list, as a client meets them: docs/conformance.md lists them.

const config = Buffer.from("{}");
const layer = randomBytes(3 << 20);
const image = manifestOf(config, [layer]);
const bare = manifestOf(config, [], { annotations: { empty: "yes" } });
const absent = digestOf("nobody has this");

function indexOf(manifests: readonly Buffer[], mediaType: string = manifestType): Buffer {
  const entries = manifests.map((bytes) => ({ mediaType, digest: digestOf(bytes), size: bytes.length }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: entries }));
}

/** A repository with the image by the tags `v1` and `v2`, the one without layers, and an index of both as `all`. */
async function fill(repository: Repository): Promise<void> {
  for (const bytes of [config, layer]) await repository.upload(uploadOf(bytes));
  for (const tag of ["v1", "v2"]) await repository.putManifest(tag, { bytes: image, mediaType: manifestType });
  await repository.putManifest(digestOf(bare), { bytes: bare, mediaType: manifestType });
  await repository.putManifest("all", { bytes: indexOf([image, bare]), mediaType: indexType });
}

/** Manifests that refer to the image. */
function notesOf(count: number): readonly Buffer[] {
  const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
  return Array.from({ length: count }, (_, n) => manifestOf(config, [], { subject, annotations: { note: String(n) } }));
}

async function putNote(repository: Repository, bytes: Buffer): Promise<void> {
  await repository.putManifest(digestOf(bytes), { bytes, mediaType: manifestType });
}

/** What refers to the image, as the registry lists it, in order. */
async function referrersIn(repository: Repository): Promise<readonly Digest[]> {
  return (await repository.referrers(digestOf(image))).map(({ digest }) => digest).toSorted();
}

let plain: Registry;
let strict: StrictRegistry;
beforeAll(async () => {
  [plain, strict] = await Promise.all([
    openRegistry({ delete: true }),
    openStrictRegistry({ deletes: true, mounts: true, pageSize: 2 }),
  ]);
});
afterAll(() => Promise.all([plain, strict].map((each) => each[Symbol.asyncDispose]())));

type Point = readonly [point: string, holds: (repository: Repository, host: string) => Promise<void>];
const missing = { kind: "not-found" };
const descriptorOf = (bytes: Buffer, mediaType: string): object => {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
};

const pull: readonly Point[] = [
  ["HEAD of a blob that isn't there: 404", async (it) => expect(await it.hasBlob(absent)).toBe(false)],
  ["HEAD of a blob: 200", async (it) => expect(await it.blobSize(digestOf(layer))).toBe(layer.length)],
  [
    "GET of a blob that isn't there: 404",
    async (it) => await expect(collected(it.blob({ digest: absent, size: 3 }))).rejects.toMatchObject(missing),
  ],
  ["GET of a blob: 200", async (it) => expect(layer.equals(await collected(it.blob(uploadOf(layer))))).toBe(true)],
  [
    "GET of a part of a blob: 206",
    async (it) => {
      const part = await collected(it.blob(uploadOf(layer), { offset: 1000, end: 2_000_000 }));
      expect(layer.subarray(1000, 2_000_000).equals(part)).toBe(true);
    },
  ],
  [
    "HEAD and GET of a manifest that isn't there: 404",
    async (it) => {
      for (const name of ["none", absent]) {
        await expect(it.resolve(name)).rejects.toMatchObject(missing);
        await expect(it.manifest(name)).rejects.toMatchObject(missing);
      }
      expect(await it.hasManifest(absent)).toBe(false);
    },
  ],
  ...[
    ["a manifest", "v1", image, manifestType] as const,
    ["a manifest without layers", digestOf(bare), bare, manifestType] as const,
    ["an index", "all", indexOf([image, bare]), indexType] as const,
  ].map(
    ([what, name, bytes, mediaType]): Point => [
      `HEAD and GET of ${what}, by its name and by its digest: 200`,
      async (it) => {
        const descriptor = descriptorOf(bytes, mediaType);
        for (const each of [name, digestOf(bytes)]) {
          expect(await it.resolve(each)).toEqual(descriptor);
          expect(await it.manifest(each)).toEqual({ bytes, descriptor });
        }
      },
    ],
  ),
];

const push: readonly Point[] = [
  [
    "POST, then PUT with the bytes: 201",
    async (it) => {
      const bytes = randomBytes(1000);
      expect(await it.upload(uploadOf(bytes))).toBe("pushed");
      expect(await it.hasBlob(digestOf(bytes))).toBe(true);
      expect(await it.upload(uploadOf(bytes))).toBe("exists");
    },
  ],
  [
    "POST, PATCH with all bytes, whose digest and number only the end tells, then PUT: 201",
    async (it) => {
      const bytes = randomBytes(2 << 20);
      const digest = digestOf(bytes);
      expect(await it.upload({ body: () => ({ bytes: streamOf(bytes), digest: () => digest }) })).toBe("pushed");
      expect(bytes.equals(await collected(it.blob({ digest, size: bytes.length })))).toBe(true);
    },
  ],
  [
    "an empty blob: 201",
    async (it) => {
      expect(await it.upload(uploadOf(Buffer.of()))).not.toBe("mounted");
      expect(await it.hasBlob(digestOf(""))).toBe(true);
    },
  ],
  [
    "POST that mounts a blob: 201",
    async (_, host) => {
      const other = registriesOfTest().repository({ domain: host, path: "other/app" });
      expect(await other.upload({ ...uploadOf(layer), mountFrom: "app" })).toBe("mounted");
      expect(await other.hasBlob(digestOf(layer))).toBe(true);
    },
  ],
  [
    "POST that mounts a blob which isn't there: 202, and it is uploaded",
    async (_, host) => {
      const other = registriesOfTest().repository({ domain: host, path: "other/app" });
      expect(await other.upload({ ...uploadOf(randomBytes(100)), mountFrom: "nobody" })).toBe("pushed");
    },
  ],
  [
    "bytes of another digest: 400, and nothing is stored",
    async (it) => {
      const wrong = { ...uploadOf(Buffer.from("some bytes")), digest: absent };
      await expect(it.upload(wrong)).rejects.toMatchObject({ kind: "data-loss" });
      expect(await it.hasBlob(absent)).toBe(false);
    },
  ],
  [
    "PUT of a manifest, by tag and by digest: 201",
    async (it) => {
      for (const name of ["pushed", digestOf(image)]) {
        await it.putManifest(name, { bytes: image, mediaType: manifestType });
        expect((await it.resolve(name)).digest).toBe(digestOf(image));
      }
    },
  ],
  [
    "PUT of a manifest whose blobs aren't there is refused",
    async (it) => {
      const bytes = manifestOf(config, [randomBytes(10)]);
      await expect(it.putManifest("incomplete", { bytes, mediaType: manifestType })).rejects.toThrow(/blob unknown/);
      await expect(it.manifest("incomplete")).rejects.toMatchObject(missing);
    },
  ],
  [
    "PUT of an index in an index: 201",
    async (it) => {
      const inner = indexOf([image]);
      const outer = indexOf([inner], indexType);
      await it.putManifest(digestOf(inner), { bytes: inner, mediaType: indexType });
      await it.putManifest("nested", { bytes: outer, mediaType: indexType });
      expect((await it.manifest("nested")).bytes).toEqual(outer);
    },
  ],
  [
    "PUT of a manifest with a subject, and no OCI-Subject: the tag of the referrers has it in the end",
    async (it) => {
      const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
      const bytes = manifestOf(config, [], { subject, artifactType: "application/x.note", annotations: { a: "b" } });
      await it.putManifest(digestOf(bytes), { bytes, mediaType: manifestType });
      const entry = {
        ...descriptorOf(bytes, manifestType),
        artifactType: "application/x.note",
        annotations: { a: "b" },
      };
      expect(await it.referrers(digestOf(image))).toEqual([entry]);
      expect(await it.referrers(digestOf(image), { artifactType: "application/x.other" })).toEqual([]);
      expect(JSON.parse((await it.manifest(digestOf(image).replace(":", "-"))).bytes.toString())).toMatchObject({
        mediaType: indexType,
        manifests: [entry],
      });
    },
  ],
];

const discovery: readonly Point[] = [
  [
    "the tags, over all pages, each once: 200",
    async (it) => {
      const tags = await Array.fromAsync(it.tags());
      expect(tags).toEqual(expect.arrayContaining(["all", "v1", "v2"]));
      expect(new Set(tags).size).toBe(tags.length);
    },
  ],
  [
    "the tags of what isn't there: 404",
    async (_, host) => {
      const nobody = registriesOfTest().repository({ domain: host, path: "nobody" });
      await expect(Array.fromAsync(nobody.tags())).rejects.toMatchObject(missing);
    },
  ],
  ["the referrers of a manifest that isn't there: none", async (it) => expect(await it.referrers(absent)).toEqual([])],
];

const management: readonly Point[] = [
  [
    "DELETE of a manifest: 202, and neither it nor its tags are there any more",
    async (it) => {
      const bytes = manifestOf(config, [], { annotations: { gone: "soon" } });
      await it.putManifest("gone", { bytes, mediaType: manifestType });
      await it.deleteManifest(digestOf(bytes));
      await expect(it.manifest("gone")).rejects.toMatchObject(missing);
      await expect(it.manifest(digestOf(bytes))).rejects.toMatchObject(missing);
      expect(await Array.fromAsync(it.tags())).not.toContain("gone");
    },
  ],
  [
    "DELETE of a manifest that isn't there: 404",
    async (it) => await expect(it.deleteManifest(absent)).rejects.toMatchObject(missing),
  ],
];

describe.each([
  ["CNCF's registry", (): { readonly host: string } => plain],
  ["a strict registry", (): { readonly host: string } => strict],
])("with %s", (_, registry) => {
  beforeAll(async () => {
    await using registries = openRegistries({ settings: defaultSettings, credentials: async () => undefined });
    await fill(registries.repository({ domain: registry().host, path: "app" }));
  });

  describe.each([
    ["pull", pull],
    ["push", push],
    ["content discovery", discovery],
    ["content management", management],
  ])("%s", (__, points) => {
    test.each(points)("%s", async (___, holds) => {
      const { host } = registry();
      await holds(repositoryOfTest(host), host);
      expect(strict.violations).toEqual([]);
    });
  });
});

/** A strict registry of a test, which is told what was done wrong when it ends. */
async function strictly(options: StrictOptions): Promise<StrictRegistry> {
  const registry = await openStrictRegistry(options);
  onTestFinished(async () => {
    await registry[Symbol.asyncDispose]();
    expect(registry.violations).toEqual([]);
  });
  return registry;
}

/** The methods of the requests, with the ranges of uploads left out. */
const methods = ({ requests }: StrictRegistry): string =>
  requests
    .filter((line) => line.includes("/uploads/"))
    .map((line) => line.split(" ")[0])
    .join(" ");

describe("what few registries do", () => {
  test.each([
    [1, "POST PATCH GET PATCH PATCH PATCH PUT"],
    [12 << 20, "POST PATCH GET PATCH PATCH PUT"],
  ])("an upload in chunks has none of less than OCI-Chunk-Min-Length: %d", async (leastChunk, expected) => {
    const registry = await strictly({ mostAtOnce: 12 << 20, leastChunk });
    const bytes = Buffer.alloc(20 << 20, "chunks");
    expect(await repositoryOfTest(registry.host).upload(uploadOf(bytes))).toBe("pushed");
    expect(methods(registry)).toBe(expected);
  });

  test("after 416 the upload is asked for, and goes on where the registry says", async () => {
    const registry = await strictly({});
    registry.meddle("PATCH", /uploads/, ({ response }) => response.writeHead(416).end());
    expect(await repositoryOfTest(registry.host).upload(uploadOf(layer))).toBe("pushed");
    expect(methods(registry)).toBe("POST PATCH GET PATCH PUT");
  });

  test("an upload that can't be finished is canceled by DELETE", async () => {
    const registry = await strictly({});
    registry.meddle("PUT", /uploads/, ({ response }) => response.writeHead(400).end());
    await expect(repositoryOfTest(registry.host).upload(uploadOf(config))).rejects.toThrow();
    expect(methods(registry)).toBe("POST PUT DELETE");
  });

  test("with OCI-Subject, the registry lists the referrers, and filters them", async () => {
    const registry = await strictly({ hasReferrers: true });
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
    const notes = ["application/x.one", "application/x.two"].map((artifactType) =>
      manifestOf(config, [], { subject, artifactType }),
    );
    for (const bytes of notes) await repository.putManifest(digestOf(bytes), { bytes, mediaType: manifestType });
    const digests = async (artifactType?: string): Promise<readonly Digest[]> =>
      (await repository.referrers(digestOf(image), artifactType === undefined ? {} : { artifactType })).map(
        ({ digest }) => digest,
      );
    expect(await digests()).toEqual(notes.map(digestOf));
    expect(await digests("application/x.two")).toEqual([digestOf(notes[1] ?? "")]);
    expect(await digests("application/x.none")).toEqual([]);
    expect(await Array.fromAsync(repository.tags())).toEqual(["all", "v1", "v2"]);
  });

  test("what many push at once is listed, all of it, where the registry has no API", async () => {
    await using registry = await openRegistry();
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    const notes = notesOf(8);
    await Promise.all(notes.map((bytes) => putNote(repositoryOfTest(registry.host), bytes)));
    expect(await referrersIn(repository)).toEqual(notes.map(digestOf).toSorted());
  });

  test("what is lost of the tag of the referrers is listed when it is pushed again", async () => {
    const registry = await strictly({});
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    const [lost = bare, other = bare] = notesOf(2);
    for (const bytes of [lost, other]) await putNote(repository, bytes);
    const tag = digestOf(image).replace(":", "-");
    await repository.putManifest(tag, { bytes: indexOf([other]), mediaType: indexType });
    await putNote(repository, lost);
    expect(await referrersIn(repository)).toEqual([lost, other].map(digestOf).toSorted());
  });

  test("a push that isn't listed in the end says what to do", async () => {
    const registry = await strictly({});
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    const [note = bare] = notesOf(1);
    const tag = digestOf(image).replace(":", "-");
    for (let n = 0; n < 100; n++)
      registry.meddle("GET", new RegExp(tag), ({ response }) => response.writeHead(404).end());
    await expect(putNote(repository, note)).rejects.toMatchObject({
      kind: "conflict",
      message: `${digestOf(note)} is there, but not among the referrers of ${digestOf(image)}: others write ${tag} at the same time`,
      hint: "Push it again: nothing but the list is sent then.",
    });
  });

  test("a manifest under the tag of the referrers that is no index stays, and the push says so", async () => {
    const registry = await strictly({});
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    const tag = digestOf(image).replace(":", "-");
    await repository.putManifest(tag, { bytes: bare, mediaType: manifestType });
    const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
    const bytes = manifestOf(config, [], { subject });
    await expect(repository.putManifest(digestOf(bytes), { bytes, mediaType: manifestType })).rejects.toMatchObject({
      kind: "failed-precondition",
    });
    expect((await repository.manifest(tag)).bytes).toEqual(bare);
  });

  test("DELETE where it is disabled: 405, which is told", async () => {
    const registry = await strictly({});
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    await expect(repository.deleteManifest(digestOf(image))).rejects.toMatchObject({ kind: "unimplemented" });
  });

  test("a manifest that is changed on its way is found, by tag and by digest", async () => {
    const registry = await strictly({});
    const repository = repositoryOfTest(registry.host);
    await fill(repository);
    const other = manifestOf(config, [layer], { annotations: { a: "b" } });
    registry.meddle("PUT", /manifests\/v1/, (exchange) => {
      exchange.body = other;
    });
    const manifest = { bytes: image, mediaType: manifestType };
    await expect(repository.putManifest("v1", manifest)).rejects.toMatchObject({
      kind: "data-loss",
      message: `the registry has stored ${digestOf(other)} in place of the manifest ${digestOf(image)}`,
      hint: expect.stringMatching(/^v1 leads to that now/),
    });
    await repository.putManifest("v1", manifest);
    registry.meddle("PUT", /manifests\/sha256/, (exchange) => {
      exchange.body = other;
    });
    await expect(repository.putManifest(digestOf(image), manifest)).rejects.toMatchObject({ kind: "data-loss" });
    expect((await repository.resolve("v1")).digest).toBe(digestOf(image));
  });
});

test("the strict registry sees what it should", async () => {
  await using registry = await openStrictRegistry();
  const url = `${registry.url}/v2/app`;
  await fetch(`${url}/manifests/not a tag?ns=docker.io`);
  await fetch(`${url}/tags/list`, { headers: { Authorization: "Basic eA==" } });
  const begun = await fetch(`${url}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location") ?? "", url);
  const headers = { "Content-Range": "0-5" };
  expect((await fetch(place, { method: "PATCH", body: "four", headers })).status).toBe(202);
  expect((await fetch(place, { method: "PUT", body: "more" })).status).toBe(400);
  expect(registry.violations).toEqual([
    "GET of app/manifests/not%20a%20tag has a parameter ns",
    "not%20a%20tag is no tag",
    "GET /v2/app/tags/list says who asks, though nobody wanted to know",
    "PATCH of an upload is of the type text/plain;charset=UTF-8",
    "PATCH of 4 bytes says that it is of the range 0-5",
    "PUT to a place of app that the registry has left",
    "PUT of an upload is of the type text/plain;charset=UTF-8",
    "an upload to app ends without a digest",
  ]);
});
