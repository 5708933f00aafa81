import { afterAll, expect, test } from "vitest";
import { openRegistry } from "../support/registry.ts";
import { openTwins } from "../support/twins.ts";

// The formats of build caches are BuildKit's: what either writes, the other reads without complaint. What it
// finds there is tested beside newer builders, in build-cache-steps.test.ts.

const twins = await openTwins();
const registry = twins === undefined ? undefined : await openRegistry();
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await twins?.[Symbol.asyncDispose]();
});

const host = registry?.host ?? "";
const Dockerfile =
  'FROM busybox AS made\nRUN echo one > /one\nFROM busybox\nCOPY --from=made /one /\nCOPY text /\nCMD ["cat", "/one"]\n';
const context = () => twins?.berth.files("context", { Dockerfile, text: "text\n" });

async function docker(...args: string[]) {
  const outcome = await twins?.docker.run(args);
  if (outcome?.code !== 0) throw new Error(`docker ${args.join(" ")}: ${outcome?.stderr}`);
  return outcome;
}

/** A manifest of the registry, or a blob. */
async function fetched(path: string): Promise<Record<string, unknown>> {
  const accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
  const response = await fetch(`http://${host}/v2/${path}`, { headers: { accept } });
  return (await response.json()) as Record<string, unknown>;
}

async function configOf(repository: string): Promise<Record<string, unknown>> {
  const { config } = (await fetched(`${repository}/manifests/latest`)) as {
    readonly config: { readonly digest: string };
  };
  return await fetched(`${repository}/blobs/${config.digest}`);
}

const recordsIn = (
  config: Record<string, unknown>,
): readonly { readonly digest: string; readonly layers?: readonly object[] }[] =>
  JSON.parse(Buffer.from(String(config["moby.buildkit.cache.v0"]), "base64").toString());

test.skipIf(twins === undefined)("an inline cache of BuildKit's is read", async () => {
  const name = `${host}/docker/app`;
  await docker("build", "--build-arg", "BUILDKIT_INLINE_CACHE=1", "-t", name, (await context()) ?? "");
  await docker("push", name);
  const theirs = recordsIn(await configOf("docker/app"));
  expect(theirs.some(({ layers = [] }) => layers.length > 0)).toBe(true);
  const args = ["build", "--network", "none", "--progress", "plain", "-t", "app", "--cache-from", name];
  const outcome = await twins?.berth.run([...args, (await context()) ?? ""]);
  expect(outcome?.stderr).not.toContain("WARNING");
  expect(outcome?.stderr).toMatch(new RegExp(`#(\\d+) importing cache manifest from ${name}:latest\\n#\\1 DONE`));
  expect(outcome?.code).toBe(0);
});

test.skipIf(twins === undefined).each([
  ["in an image", ["--push", "--cache-to", "type=inline", "-t"], ""],
  ["in an image's manifest", ["--cache-to"], "type=registry,mode=max,ref="],
  ["in an index", ["--cache-to"], "type=registry,mode=max,image-manifest=false,ref="],
  ["in Docker's manifest list", ["--cache-to"], "type=registry,mode=max,oci-mediatypes=false,ref="],
])("a cache of berth's %s is read by BuildKit", async (where, args, prefix) => {
  const name = `${host}/berth/${where.replaceAll(/\W/g, "").toLowerCase()}`;
  await twins?.berth.out(["build", "-q", "--network", "none", ...args, `${prefix}${name}`, (await context()) ?? ""]);
  const { stderr } = await docker("build", "--progress", "plain", "--cache-from", name, (await context()) ?? "");
  expect(stderr).toMatch(new RegExp(`#(\\d+) importing cache manifest from ${name}[^]*#\\1 DONE`));
  expect(stderr).not.toMatch(/importing cache manifest from \S+\n#\d+ ERROR/);
});
