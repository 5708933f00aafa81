import { once } from "node:events";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openBerth } from "../support/berth.ts";
import {
  byDigest,
  type Contents,
  descriptorOf,
  digestOf,
  flood,
  indexOf,
  jsonBlob,
  nestedIndexes,
  type Served,
  serve,
  zeroBomb,
} from "../support/hostile-registry.ts";
import type { Handler } from "../support/listen.ts";
import type { Outcome } from "../support/program.ts";
import { openScriptedRegistry, type ScriptedRegistry } from "../support/registry.ts";
import { makeImage, manifestOf, type ServedBlob } from "../support/served-image.ts";

const berth = openBerth();
const image = makeImage(100_000);
const { config, manifest } = image;
const [base, data] = image.layers as readonly [ServedBlob, ServedBlob];
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
const configType = "application/vnd.oci.image.config.v1+json";

/** The image as an honest registry has it. */
const honest: Contents & { readonly blobs: Readonly<Record<string, Buffer>> } = {
  manifests: byDigest([manifest]),
  blobs: Object.fromEntries([config, base, data].map(({ digest, bytes }) => [digest, bytes])),
};

/** Settings: one attempt, and for registries that stall a second at most without a byte, four before an answer. */
const patient = join(berth.directory, "patient.json");
const impatient = join(berth.directory, "impatient.json");

beforeAll(async () => {
  writeFileSync(patient, JSON.stringify({ "max-download-attempts": 1 }));
  writeFileSync(impatient, JSON.stringify({ "stall-timeout": 1, "max-download-attempts": 1 }));
  unchanged = await storeState();
});
/** Each test begins with a store that has nothing. */
afterEach(async () => void (await berth.out(["system", "prune", "-af"])));
afterAll(async () => {
  expect(await berth.out(["system", "df", "--all"])).not.toMatch(/^(image|layer|blob|download) /m);
  await berth[Symbol.asyncDispose]();
});

/**
 * What the store says of itself: what it holds, and that all is well. Whole blobs that came before the failure are no part of it:
 * they wait for the next pull, or `image prune`.
 */
async function storeState(): Promise<object> {
  const [usage, check] = await Promise.all([berth.out(["system", "df", "--all"]), berth.out(["system", "check"])]);
  return {
    // The size of the database is SQLite's own business.
    usage: usage.split("\n").filter((line) => !/^(database|download|all) /.test(line)),
    check: check.split("\n"),
  };
}

/** {@link storeState} before the first hostile registry, and so after each. */
let unchanged: object = {};

/** Pull from a hostile registry: it ends soon, with one clear error and a store as it was. @returns the outcome */
async function pullFails(
  host: string,
  message: RegExp,
  { args = ["pull", `${host}/x`], settings = patient }: { args?: readonly string[]; settings?: string } = {},
): Promise<Outcome> {
  const outcome = await berth.run(args, { env: { BERTH_CONFIG_FILE: settings } });
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  expect(outcome.stderr).not.toMatch(/\n\s+at /);
  expect(outcome.stderr.length).toBeLessThan(5_000);
  // Nothing that moves a terminal's cursor or colours it.
  expect(outcome.stdout + outcome.stderr).not.toMatch(/[^\P{Cc}\n]/u);
  expect(await storeState()).toEqual(unchanged);
  return outcome;
}

/** The same of a server that is started for it. */
async function refuses(handler: Handler, message: RegExp, settings: string = patient): Promise<void> {
  await using server = await openScriptedRegistry(handler);
  await pullFails(server.host, message, { settings });
}

/** The image with another manifest, which is served by its tag and its digest. */
const withManifest = (other: ServedBlob, blobs: Readonly<Record<string, Buffer>> = {}): Handler =>
  serve({ manifests: byDigest([other], manifestType), blobs: { ...honest.blobs, ...blobs } });
/** The image with other bytes for one of its blobs. */
const withBlob = (blob: ServedBlob, bytes: Buffer): Handler =>
  serve({ ...honest, blobs: { ...honest.blobs, [blob.digest]: bytes } });
const withTag = (served: Served): Handler => serve({ ...honest, manifests: { ...honest.manifests, latest: served } });
const withParts = (parts: object): ServedBlob => manifestOf(config, [base, data], parts as Record<string, unknown>);
const baseDescriptor = descriptorOf(layerType, base);
const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)));

test("an honest registry is no hostile one: the same image comes in", async () => {
  await using server = await openScriptedRegistry(serve(honest));
  await berth.out(["pull", "-q", `${server.host}/x`], { env: { BERTH_CONFIG_FILE: patient } });
});

describe("digests that lie:", () => {
  const stranger = manifestOf(config, [data]);
  const found = (digest: string): RegExp => new RegExp(`^filesystem layer verification failed for digest ${digest}`);

  test.each<[string, Handler, RegExp]>([
    ["of a layer", withBlob(data, flipped(data.bytes)), found(data.digest)],
    ["of a layer, all zeroes", withBlob(data, Buffer.alloc(data.bytes.length)), found(data.digest)],
    ["of the config", withBlob(config, flipped(config.bytes)), /verification failed for digest/],
    [
      "of the manifest, in its header",
      withTag({ bytes: manifest.bytes, digest: stranger.digest }),
      /^(Error response from daemon: )?manifest verification failed for digest/,
    ],
    [
      "of a manifest in an index",
      serve({
        ...honest,
        manifests: {
          ...byDigest([indexOf([descriptorOf(manifestType, stranger)])]),
          [stranger.digest]: { bytes: manifest.bytes, digest: stranger.digest },
        },
      }),
      /^(Error response from daemon: )?manifest verification failed for digest/,
    ],
    ["of another kind", withManifest(withParts({ layers: [{ ...baseDescriptor, digest: "md5:abc" }] })), /digest/],
    [
      "that are paths",
      withManifest(withParts({ layers: [{ ...baseDescriptor, digest: "sha256:../../../etc" }] })),
      /digest/,
    ],
  ])("%s", async (_, handler, message) => {
    await refuses(handler, message);
  });

  test("of what was asked for by digest", async () => {
    await using server = await openScriptedRegistry(
      serve({ ...honest, manifests: { [stranger.digest]: { bytes: manifest.bytes, digest: stranger.digest } } }),
    );
    const name = `${server.host}/x@${stranger.digest}`;
    await pullFails(server.host, /manifest verification failed for digest/, { args: ["pull", name] });
  });
});

describe("a mirror with other bytes of the right size:", () => {
  const withMirror = (registry: string, mirrors: readonly string[]): string => {
    const path = join(berth.directory, "mirrored.json");
    writeFileSync(path, JSON.stringify({ "max-download-attempts": 1, registries: { [registry]: { mirrors } } }));
    return path;
  };
  const asked = ({ requests }: ScriptedRegistry, { digest }: ServedBlob): number =>
    requests.filter(({ path, method }) => method === "GET" && path.includes(`/blobs/${digest}`)).length;

  test.each<[string, ServedBlob, Buffer]>([
    ["a bit of a layer", data, flipped(data.bytes)],
    ["of a layer nothing that is one", data, Buffer.alloc(data.bytes.length, "no layer ")],
    ["another layer", data, gzipSync(Buffer.alloc(200), { level: 0 }).subarray(0, data.bytes.length)],
    ["the config", config, flipped(config.bytes)],
  ])("%s: the next mirror is asked, then the registry", async (_, blob, bytes) => {
    const wrong = Buffer.concat([bytes, Buffer.alloc(blob.bytes.length - bytes.length)]);
    await using first = await openScriptedRegistry(withBlob(blob, wrong));
    await using second = await openScriptedRegistry(withBlob(blob, wrong));
    await using server = await openScriptedRegistry(serve(honest));
    const name = `${server.host}/x`;
    const env = { BERTH_CONFIG_FILE: withMirror(server.host, [first.url, second.url]) };
    await berth.out(["pull", "-q", name], { env });
    expect(await berth.out(["system", "check"])).toContain("Everything is as it should be.");
    expect([first, second, server].map((each) => asked(each, blob))).toEqual([1, 1, 1]);
  });

  test("and a registry with the same: it is asked once, and told", async () => {
    await using mirror = await openScriptedRegistry(withBlob(data, flipped(data.bytes)));
    await using server = await openScriptedRegistry(withBlob(data, flipped(data.bytes)));
    const env = { BERTH_CONFIG_FILE: withMirror(server.host, [mirror.url]) };
    const { code, stderr } = await berth.run(["pull", "-q", `${server.host}/x`], { env });
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^filesystem layer verification/),
    });
    expect([mirror, server].map((each) => asked(each, data))).toEqual([1, 1]);
    expect(await storeState()).toEqual(unchanged);
  });
});

describe("sizes that lie:", () => {
  const sized = (size: unknown): ServedBlob =>
    withParts({ layers: [baseDescriptor, descriptorOf(layerType, data, { size })] });
  const length = data.bytes.length;

  test.each<[string, Handler, RegExp]>([
    [
      "a layer is longer",
      withBlob(data, Buffer.concat([data.bytes, Buffer.from("more")])),
      /the registry sent another size of/,
    ],
    ["a layer is shorter", withBlob(data, data.bytes.subarray(0, -1000)), /size|unexpected EOF/],
    ["a layer is nothing", withBlob(data, Buffer.alloc(0)), /size|unexpected EOF/],
    ["the manifest says less", withManifest(sized(length - 10)), /size/],
    ["the manifest says more", withManifest(sized(length + 10)), /size|unexpected EOF/],
    ["less than nothing", withManifest(sized(-1)), /size/],
    ["half a byte", withManifest(sized(1.5)), /size/],
    ["a text", withManifest(sized("100")), /size/],
    ["more than numbers hold", withManifest(sized(1e300)), /size/],
    ["more than any disk", withManifest(sized(2 ** 52)), /no space left on device/],
    [
      "the config says less",
      withManifest(withParts({ config: descriptorOf(configType, config, { size: 10 }) })),
      /size/,
    ],
    [
      "an index says less of the manifest",
      serve({
        ...honest,
        manifests: byDigest([
          indexOf([descriptorOf(manifestType, manifest, { size: manifest.bytes.length - 1 })]),
          manifest,
        ]),
      }),
      /manifest sha256:\w+ has \d+ bytes, expected \d+/,
    ],
    [
      "the config is larger than any",
      withManifest(withParts({ config: descriptorOf(configType, config, { size: 2 ** 40 }) })),
      /bytes|size/,
    ],
  ])("%s", async (_, handler, message) => {
    await refuses(handler, message);
  });
});

describe("more than there may be:", () => {
  const large = Buffer.from(JSON.stringify({ schemaVersion: 2, x: " ".repeat(9 << 20) }));
  const manyObjects = Array.from({ length: 1e6 }, () => ({}));
  const vast = jsonBlob({ ...JSON.parse(config.bytes.toString()), x: manyObjects });
  const many = withParts({ layers: Array.from({ length: 10_000 }, () => baseDescriptor) });

  test.each<[string, Handler, RegExp]>([
    ["a manifest of 9 MiB", withTag({ bytes: large }), /more than 8388608 bytes/],
    ["ten thousand layers", withManifest(many), /10000 layers|layers/],
    [
      "indexes nested a hundred times",
      serve({ ...honest, manifests: { ...byDigest([manifest]), ...byDigest(nestedIndexes(manifest, 100)) } }),
      /nested deeper than 8/,
    ],
    [
      "an index of more manifests than one may have",
      serve({
        ...honest,
        manifests: byDigest([indexOf(Array.from({ length: 10_001 }, () => descriptorOf(manifestType, manifest)))]),
      }),
      /more than 10000 manifests/,
    ],
    [
      "JSON that is nested without end",
      withTag({ bytes: Buffer.from(`{"config":${"[".repeat(1e6)}`) }),
      /JSON nested more than 500 deep/,
    ],
    ["a manifest of a million values", withManifest(withParts({ x: manyObjects })), /JSON of more than 250000 values/],
    [
      "a config of a million values",
      withManifest(manifestOf(vast, [base, data]), { [vast.digest]: vast.bytes }),
      /JSON of more than 250000 values/,
    ],
  ])("%s", async (_, handler, message) => {
    await refuses(handler, message);
  });

  test("an index that holds itself", async () => {
    // No digest can be its own: what is there under the digest is another one.
    const promised = digestOf(Buffer.from("nobody knows what has this digest"));
    const index = indexOf([descriptorOf(indexType, { digest: promised, bytes: Buffer.alloc(500) })]);
    const manifests = { ...byDigest([index]), [promised]: { bytes: index.bytes, type: indexType, digest: promised } };
    await refuses(serve({ manifests }), /manifest verification failed for digest/);
  });

  test("indexes that hold each other a million times are asked for once each, and no more than is allowed", async () => {
    // Eight floors, each with the one below it ten times over.
    let floor = indexOf([descriptorOf(manifestType, manifest, { platform: { os: "plan9", architecture: "none" } })]);
    const floors = [floor];
    for (let n = 0; n < 7; n++) {
      const below = floor;
      floor = indexOf(
        Array.from({ length: 10 }, (_, k) => descriptorOf(indexType, below, { annotations: { n: String(k) } })),
      );
      floors.unshift(floor);
    }
    await using server = await openScriptedRegistry(serve({ manifests: byDigest(floors) }));
    await pullFails(server.host, /more than 10000 manifests|no matching manifest/);
    expect(server.requests.length).toBeLessThan(100);
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ["a header of a megabyte", (response) => void response.writeHead(200, { "x-long": "x".repeat(1 << 20) }).end()],
    [
      "ten thousand headers",
      (response) => {
        for (let n = 0; n < 10_000; n++) response.setHeader(`x-${n}`, "x".repeat(20));
        response.end();
      },
    ],
  ])("%s", async (_, answer) => {
    await refuses(
      serve(honest, (request, response) => {
        if (!request.url?.includes("/manifests/")) return false;
        answer(response);
        return true;
      }),
      /header/i,
    );
  });

  test("a layer that grows a thousand times, without end", async () => {
    const bomb = zeroBomb(5);
    const layer = { bytes: bomb, digest: digestOf(bomb) };
    await refuses(
      withManifest(manifestOf(config, [base, layer]), { [layer.digest]: bomb }),
      /more than 250 times as many/,
    );
  });

  test("a layer with a file that no disk holds", async () => {
    const header = Buffer.alloc(512);
    header.write("zeros");
    header.write("0000644\0", 100);
    // A size of 2^50 in base 256.
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(2n ** 50n, 128);
    header.write("ustar\x0000", 257);
    header.write("0", 156);
    header.fill(" ", 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    const bytes = gzipSync(Buffer.concat([header, Buffer.alloc(1 << 20)]));
    const layer = { bytes, digest: digestOf(bytes) };
    await refuses(
      withManifest(manifestOf(config, [base, layer]), { [layer.digest]: bytes }),
      /no space left on device/,
    );
  });
});

describe("media types that lie:", () => {
  test.each<[string, Handler, RegExp]>([
    [
      "a manifest that is served as an index",
      withTag({ bytes: manifest.bytes, type: indexType }),
      /served as .* but says/,
    ],
    [
      "a manifest that is an index too",
      withTag({ bytes: withParts({ manifests: [] }).bytes }),
      /an index and a manifest at once/,
    ],
    [
      "an index without entries",
      withTag({ bytes: jsonBlob({ schemaVersion: 2, mediaType: indexType }).bytes, type: indexType }),
      /it is no |no list of manifests/,
    ],
    [
      "a web page",
      withTag({ bytes: Buffer.from("<html>Sign in</html>"), type: "text/html" }),
      /not a JSON object|unsupported manifest/,
    ],
    [
      "schema 1",
      withTag({ bytes: Buffer.from('{"schemaVersion":1,"fsLayers":[],"history":[]}') }),
      /schema 1 support has been removed/,
    ],
    [
      "a config that is none",
      withManifest(withParts({ config: descriptorOf("application/vnd.cncf.helm.config.v1+json", config) })),
      /unsupported media type|media type/,
    ],
    ["a config that is a layer", withManifest(manifestOf(data, [base, data])), /./],
    ["a layer that is a config", withManifest(manifestOf(config, [base, config])), /./],
    [
      "a layer that is JSON",
      withManifest(withParts({ layers: [baseDescriptor, descriptorOf("application/json", data)] })),
      /media type/,
    ],
    ["no manifest at all", withTag({ bytes: Buffer.from("null") }), /not a JSON object/],
    ["a list", withTag({ bytes: Buffer.from("[]") }), /manifest/],
    ["an empty one", withTag({ bytes: Buffer.alloc(0) }), /manifest/],
  ])("%s", async (_, handler, message) => {
    await refuses(handler, message);
  });

  test("a foreign layer is asked for where the image is, and nowhere else", async () => {
    await using elsewhere = await openScriptedRegistry((_, response) => void response.end());
    const urls = [`${elsewhere.url}/secret`];
    const foreign = descriptorOf("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", data, { urls });
    await using server = await openScriptedRegistry(withManifest(withParts({ layers: [baseDescriptor, foreign] })));
    await berth.out(["pull", "-q", `${server.host}/x`]);
    expect(elsewhere.requests).toEqual([]);
  });

  test("of layers say nothing that the bytes don't", async () => {
    const layers = [baseDescriptor, descriptorOf("application/vnd.oci.image.layer.v1.tar+zstd", data)];
    await using server = await openScriptedRegistry(withManifest(withParts({ layers })));
    const name = `${server.host}/x`;
    await berth.out(["pull", "-q", name], { env: { BERTH_CONFIG_FILE: patient } });
    expect(await berth.out(["system", "check"])).toContain("Everything is as it should be.");
  });
});

/** Answer what a path has a part of otherwise than an honest registry. */
const otherwise = (part: string, answer: (response: ServerResponse, path: string) => unknown): Handler => {
  const others = serve(honest);
  return async (request, response) => {
    const path = request.url ?? "";
    if (path.includes(part) && path !== "/v2/") await answer(response, path);
    else await others(request, response);
  };
};
const json = { "Content-Type": "application/json" };

describe("times that are none:", () => {
  const configs = [
    ["an image is made at", { created: "not a date" }],
    ["a step is made at", { history: [{ created: "2026-02-30T00:00:00Z", created_by: "x" }] }],
  ] as const;

  test.each(configs)("%s", async (_, fields) => {
    const other = jsonBlob({ ...JSON.parse(config.bytes.toString()), ...fields });
    await refuses(
      withManifest(manifestOf(other, [base, data]), { [other.digest]: other.bytes }),
      /invalid image config: parsing time "/,
    );
  });
});

describe("what berth can't read is neither pulled nor copied in part:", () => {
  const other = `sha512:${"ab".repeat(64)}`;

  test.each<[string, object, RegExp]>([
    [
      "a layer's digest by sha512",
      { layers: [{ ...baseDescriptor, digest: other }] },
      /its layer 1 has a digest by sha512/,
    ],
    [
      "a config's",
      { config: { ...descriptorOf(configType, config), digest: other } },
      /its config has a digest by sha512/,
    ],
    [
      "a digest that is a path",
      { layers: [{ ...baseDescriptor, digest: "../../../x" }] },
      /has an invalid digest "\.\./,
    ],
    [
      "a layer without a size",
      { layers: [baseDescriptor, { ...baseDescriptor, size: undefined }] },
      /its layer 2 has no size/,
    ],
    ["no config", { config: undefined }, /it has no config/],
    [
      "a config with less than nothing",
      { config: descriptorOf(configType, config, { size: -1 }) },
      /its config has no size/,
    ],
    ["layers that are none", { layers: [{}, {}] }, /its layer 1 has no digest/],
    ["layers that are a text", { layers: "x" }, /it has no list of layers/],
  ])("%s", async (_, parts, message) => {
    await using server = await openScriptedRegistry(withManifest(withParts(parts)));
    await pullFails(server.host, message);
    const to = join(berth.directory, "copied");
    await pullFails(server.host, message, { args: ["copy", `docker://${server.host}/x`, `dir:${to}`] });
    expect(existsSync(to)).toBe(false);
  });
});

describe("stalls:", () => {
  test.each<[string, Handler, RegExp]>([
    ["no answer for a manifest", otherwise("/manifests/", () => undefined), /timeout|nothing came for 1 s/],
    ["no answer for a layer", otherwise(data.digest, () => undefined), /timeout|nothing came for 1 s/],
    [
      "a manifest that stops",
      otherwise("/manifests/", (response) => response.writeHead(200, { "Content-Length": 500 }).write("{")),
      /timeout|nothing came for 1 s/,
    ],
    [
      "a byte now and then",
      otherwise("/manifests/", async (response) => {
        while (!response.destroyed) {
          response.write(" ");
          await sleep(100);
        }
      }),
      /timeout|nothing came for 1 s/,
    ],
    [
      "no answer of a token server",
      async (request, response) => {
        if (request.url?.startsWith("/token")) return;
        response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
      },
      /timeout|nothing came for 1 s/,
    ],
  ])("%s", async (_, handler, message) => {
    await refuses(handler, message, impatient);
    // Nothing came of it.
    const downloads = join(berth.directory, "root/downloads/sha256");
    expect(readdirSync(downloads).filter((name) => statSync(join(downloads, name)).size === 0)).toEqual([]);
  });

  test("a layer that stops: what came of it is kept for the next pull, and pruned", async () => {
    const handler = otherwise(data.digest, (response) => {
      response.writeHead(200, { "Content-Length": data.bytes.length });
      response.write(data.bytes.subarray(0, 50_000));
    });
    await using server = await openScriptedRegistry(handler);
    const outcome = await berth.run(["pull", `${server.host}/x`], { env: { BERTH_CONFIG_FILE: impatient } });
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/nothing came for 1 s/) });
    expect(await storeState()).toEqual(unchanged);
    expect(await berth.out(["system", "df", "--all"])).toMatch(/^download /m);
  });
});

describe("redirects:", () => {
  test.each<[string, string, RegExp]>([
    ["to itself", "/v2/x/blobs/SAME", /stopped after 10 redirects|redirect/],
    ["to a file", "file:///etc/passwd", /unsupported protocol|redirect/],
    ["to no URL", "http://[", /Location|redirect|received unexpected HTTP status: 307/i],
    ["to nowhere", "", /Location|redirect|received unexpected HTTP status: 307/i],
    ["to a server that isn't there", "http://127.0.0.1:1/blob", /connection refused/],
  ])("%s", async (_, to, message) => {
    await refuses(
      otherwise(data.digest, (response) =>
        response.writeHead(307, to === "" ? {} : { Location: to.replace("SAME", data.digest) }).end(),
      ),
      message,
    );
  });

  test("in a circle between two servers", async () => {
    const hosts: string[] = [];
    const bounce: Handler = otherwise(data.digest, (response, path) => {
      const other = hosts.find((host) => !String(response.req.headers.host).includes(host)) ?? "";
      response.writeHead(302, { Location: `http://${other}${path}` }).end();
    });
    await using one = await openScriptedRegistry(bounce);
    await using two = await openScriptedRegistry(bounce);
    hosts.push(one.host, two.host);
    await pullFails(one.host, /redirect/);
    expect(one.requests.length + two.requests.length).toBeLessThan(40);
  });
});

describe("without end:", () => {
  const chunk = Buffer.alloc(1 << 16, "x");
  test.each<[string, (sent: (bytes: number) => void) => Handler, RegExp]>([
    [
      "a manifest",
      (sent) => otherwise("/manifests/", (response) => flood(response.writeHead(200, json), chunk, sent)),
      /more than 8388608 bytes/,
    ],
    [
      "a config",
      (sent) => otherwise(config.digest, (response) => flood(response.writeHead(200), chunk, sent)),
      /size|bytes/,
    ],
    ["a layer", (sent) => otherwise(data.digest, (response) => flood(response.writeHead(200), chunk, sent)), /size/],
    [
      "an error",
      (sent) => otherwise("/manifests/", (response) => flood(response.writeHead(404, json), chunk, sent)),
      /./,
    ],
    [
      "what comes with a redirect",
      (sent) =>
        otherwise(data.digest, (response) =>
          flood(response.writeHead(307, { Location: "http://127.0.0.1:1/x" }), chunk, sent),
        ),
      /connection refused/,
    ],
    [
      "a token",
      (sent) => (request, response) => {
        if (request.url?.startsWith("/token")) return flood(response.writeHead(200, json), chunk, sent);
        response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
      },
      /./,
    ],
  ])("%s", async (_, make, message) => {
    let most = 0;
    await refuses(
      make((bytes) => {
        most = Math.max(most, bytes);
      }),
      message,
    );
    expect(most).toBeLessThan(64 << 20);
  });

  test("pages of tags", async () => {
    let page = 0;
    const handler: Handler = (request, response) => {
      const path = request.url ?? "";
      if (!path.includes("/tags/list")) return void response.writeHead(path === "/v2/" ? 200 : 404).end("{}");
      page++;
      const tags = Array.from({ length: 1000 }, (_, n) => `t${page}-${n}`);
      response.writeHead(200, { ...json, Link: `</v2/x/tags/list?last=${page}>; rel="next"` });
      response.end(JSON.stringify({ name: "x", tags }));
    };
    await using server = await openScriptedRegistry(handler);
    await pullFails(server.host, /more than 1000000 tags/, { args: ["pull", "-a", `${server.host}/x`] });
    expect(server.requests.length).toBeLessThan(1_100);
  });

  test("refusals", async () => {
    const handler: Handler = (request, response) => {
      if (request.url?.startsWith("/token")) return void response.writeHead(200, json).end('{"token":"abc"}');
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` }).end();
    };
    await using server = await openScriptedRegistry(handler);
    await pullFails(server.host, /unauthorized|denied|authentication/);
    expect(server.requests.length).toBeLessThan(20);
  });
});

describe("token servers:", () => {
  const challenge =
    (realm: string): Handler =>
    (_, response) => {
      response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s"` }).end();
    };

  test("on another host gets what it is for, and the registry gets no password", async () => {
    await using tokens = await openScriptedRegistry(
      (_, response) => void response.writeHead(200, json).end('{"token":"abc"}'),
    );
    await using server = await openScriptedRegistry((request, response) => {
      if (request.headers.authorization === "Bearer abc") return serve(honest)(request, response);
      return challenge(`${tokens.url}/token`)(request, response);
    });
    const auth = Buffer.from("me:secret").toString("base64");
    const docker = await berth.files("docker", {
      "config.json": JSON.stringify({ auths: { [server.host]: { auth } } }),
    });
    await berth.out(["pull", "-q", `${server.host}/x`], { env: { DOCKER_CONFIG: docker } });
    expect(new Set(tokens.requests.map(({ headers }) => headers["authorization"]))).toEqual(new Set([`Basic ${auth}`]));
    expect(server.requests.map(({ headers }) => headers["authorization"])).not.toContain(`Basic ${auth}`);
  });

  test("that send the password on to another host don't", async () => {
    await using thief = await openScriptedRegistry(
      (_, response) => void response.writeHead(200, json).end('{"token":"abc"}'),
    );
    await using server = await openScriptedRegistry((request, response) => {
      if (request.url?.startsWith("/token")) {
        return void response.writeHead(307, { Location: `${thief.url}/token` }).end();
      }
      return challenge(`http://${request.headers.host}/token`)(request, response);
    });
    const auth = Buffer.from("me:secret").toString("base64");
    const docker = await berth.files("docker", {
      "config.json": JSON.stringify({ auths: { [server.host]: { auth } } }),
    });
    await berth.run(["pull", `${server.host}/x`], { env: { DOCKER_CONFIG: docker, BERTH_CONFIG_FILE: patient } });
    expect(thief.requests.filter(({ headers }) => headers["authorization"] !== undefined)).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    ["that are files", "file:///etc/passwd", /token|realm|protocol/],
    ["that are no URL", "http://[", /realm/],
    ["that aren't there", "http://127.0.0.1:1/token", /connection refused/],
  ])("%s", async (_, realm, message) => {
    await refuses(challenge(realm), message);
  });

  test.each<[string, string]>([
    ["that give no token", "{}"],
    ["that give a token with a line end", JSON.stringify({ token: "abc\r\nX-Evil: 1" })],
    ["that give a web page", "<html>"],
  ])("%s", async (_, body) => {
    await refuses((request, response) => {
      if (request.url?.startsWith("/token")) return void response.writeHead(200, json).end(body);
      return challenge(`http://${request.headers.host}/token`)(request, response);
    }, /token|JSON/);
  });
});

describe("what is no HTTP:", () => {
  const page = JSON.stringify({
    errors: [{ code: "DENIED", message: "\u001b[2J\u001b[31mpwned\u0007\r\nberth: all is well" }],
  });

  test("an error with the commands of a terminal", async () => {
    await refuses(
      otherwise("/manifests/", (response) => response.writeHead(403, json).end(page)),
      /pwned/,
    );
  });

  test.each<[string, (socket: Socket) => unknown]>([
    ["another protocol", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
    ["nothing", (socket) => socket.end()],
    ["a reset", (socket) => socket.resetAndDestroy()],
    ["an endless status line", (socket) => socket.write(`HTTP/1.1 200 ${"x".repeat(1 << 20)}`)],
    ["two lengths", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}")],
    [
      "a chunk of more than there is",
      (socket) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}"),
    ],
  ])("%s", async (_, answer) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("data", () => answer(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("no port");
      await pullFails(`127.0.0.1:${address.port}`, /./);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
