import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Berth } from "../support/berth.ts";
import {
  buildIn,
  type CachedBuilds,
  cachedDockerfile as Dockerfile,
  idOf,
  openCachedBuilds,
} from "../support/cached-build.ts";
import { githubToken, openGitHubServer, openS3Server, s3Identity } from "../support/object-servers.ts";

let builds: CachedBuilds;
beforeAll(async () => {
  builds = await openCachedBuilds();
});
afterAll(() => builds[Symbol.asyncDispose]());

const build = (berth: Berth, args: readonly string[], context = builds.context, env = {}) =>
  buildIn(berth, args, { context, env });

describe("a cache in a directory", () => {
  test("is an OCI layout that several builds write at once", async () => {
    const dest = builds.place();
    const other = await builds.first.files("other", {
      Dockerfile: Dockerfile.replace("made other", "made another"),
      input: "one\n",
    });
    await using second = await builds.another();
    const results = await Promise.all([
      build(builds.first, ["-t", "app", "--cache-to", `type=local,dest=${dest},mode=max,tag=one`]),
      build(second, ["-t", "app", "--cache-to", `type=local,dest=${dest},mode=max,tag=two`], other),
    ]);
    expect(results.map(({ code }) => code)).toEqual([0, 0]);
    expect(readdirSync(dest).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    for (const [tag, directory, berth] of [
      ["one", builds.context, builds.first],
      ["two", other, second],
    ] as const) {
      await using third = await builds.another();
      const { ran } = await build(third, ["-t", tag, "--cache-from", `type=local,src=${dest},tag=${tag}`], directory);
      expect(ran).toEqual([]);
      expect(await idOf(third, tag)).toBe(await idOf(berth, "app"));
    }
  });

  test.each([
    "compression=zstd",
    "image-manifest=false",
    "oci-mediatypes=false",
    "compression=uncompressed,force-compression=true",
  ])("is read whatever its form: %s", async (form) => {
    const dest = builds.place();
    await build(builds.first, ["-t", "app", "--cache-to", `type=local,dest=${dest},mode=max,${form}`]);
    await using second = await builds.another();
    const { ran, stderr } = await build(second, ["-t", "app", "--cache-from", `type=local,src=${dest}`]);
    expect(ran, stderr).toEqual([]);
    expect(await idOf(second, "app")).toBe(await idOf(builds.first, "app"));
  });

  test("keeps what its tags lead to, and nothing else, where it is reset", async () => {
    const dest = builds.place();
    const other = await builds.first.files("reset", { Dockerfile: "FROM scratch\nCOPY input /\n", input: "other\n" });
    const to = (tag: string, more = "") => [
      "-t",
      tag,
      "--cache-to",
      `type=local,dest=${dest},mode=max,tag=${tag}${more}`,
    ];
    await build(builds.first, to("one"));
    await build(builds.first, to("two"), other);
    const before = readdirSync(join(dest, "blobs/sha256")).length;
    await build(builds.first, to("one", ",reset=true"), other);
    // The other layers of `one`, its config and its manifest are gone; what both tags lead to is the same now.
    expect(readdirSync(join(dest, "blobs/sha256"))).toHaveLength(3);
    expect(before).toBeGreaterThan(6);
    await using second = await builds.another();
    for (const tag of ["one", "two"])
      expect(
        await build(second, ["-t", tag, "--cache-from", `type=local,src=${dest},tag=${tag}`], other),
      ).toMatchObject({ code: 0, ran: [] });
  });

  test("has layers in another compression where it is forced, also those that were never fetched", async () => {
    const [dest, next] = [builds.place(), builds.place()];
    await build(builds.first, ["-t", "app", "--cache-to", `type=local,dest=${dest},mode=max`]);
    await using second = await builds.another();
    const to = `type=local,dest=${next},mode=max,compression=zstd,compression-level=19,force-compression=true`;
    await build(second, ["-o", "type=cacheonly", "--cache-from", `type=local,src=${dest}`, "--cache-to", to]);
    const kinds = readdirSync(join(next, "blobs/sha256")).map(
      (name) => readFileSync(join(next, "blobs/sha256", name))[0],
    );
    expect(kinds).toContain(0x28);
    expect(kinds).not.toContain(0x1f);
    await using third = await builds.another();
    expect(await build(third, ["-t", "app", "--cache-from", `type=local,src=${next}`])).toMatchObject({
      code: 0,
      ran: [],
    });
    expect(await idOf(third, "app")).toBe(await idOf(builds.first, "app"));
  });

  test("whose layer is damaged is left out with a warning, and the build is right", async () => {
    const dest = builds.place();
    await build(builds.first, ["-t", "app", "--cache-to", `type=local,dest=${dest},mode=max`]);
    const blobs = join(dest, "blobs/sha256");
    for (const name of readdirSync(blobs)) {
      const bytes = readFileSync(join(blobs, name));
      if (bytes[0] === 0x1f) writeFileSync(join(blobs, name), bytes.fill(0, bytes.length - 30));
    }
    await using second = await builds.another();
    const { code, stderr, ran } = await build(second, ["-t", "app", "--cache-from", `type=local,src=${dest}`]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(`WARNING: the cache local:${dest} is left out:`);
    expect(ran).toContainEqual(expect.stringContaining("RUN cat input"));
    expect(await second.out(["run", "--rm", "--network", "none", "app"])).toMatch(/^one\n/);
    expect(await second.out(["system", "check"])).toContain("Everything is as it should be.");
  });
});

describe("a cache in an object store", () => {
  test("of S3's kind is read by another store, and gets nothing twice", async () => {
    await using server = await openS3Server();
    const { region, accessKeyID, secretAccessKey } = s3Identity;
    const at = `type=s3,region=${region},bucket=cache,prefix=team/,name=app,endpoint_url=${server.url},use_path_style=true`;
    const env = { AWS_ACCESS_KEY_ID: accessKeyID, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const { code, stderr } = await build(builds.first, ["-t", "app", "--cache-to", `${at},mode=max`], undefined, env);
    expect(code, stderr).toBe(0);
    expect([...server.objects.keys()]).toContain("/cache/team/manifests/app");
    await using second = await builds.another();
    const before = server.requests.length;
    const args = ["-t", "app", "--cache-from", at, "--cache-to", `${at},mode=max`];
    const again = await build(second, args, undefined, env);
    expect(again.stderr).not.toContain("WARNING");
    expect(again.ran).toEqual([]);
    expect(await idOf(second, "app")).toBe(await idOf(builds.first, "app"));
    const since = server.requests.slice(before);
    expect(since.filter((line) => line.startsWith("GET /cache/team/blobs/"))).toHaveLength(2);
    expect(since.filter((line) => line.startsWith("PUT "))).toEqual(["PUT /cache/team/manifests/app 200"]);
    const wrong = { ...env, AWS_SECRET_ACCESS_KEY: "other" };
    const refused = await build(second, ["--cache-to", at], undefined, wrong);
    expect(refused.stderr).toContain("unexpected status 403");
    expect(refused.code).toBe(1);
    expect((await build(second, ["--cache-from", at], undefined, wrong)).stderr).toContain(
      "WARNING: failed to import the cache",
    );
  });

  test("of GitHub's kind is read by another store, the newest first", async () => {
    await using server = await openGitHubServer();
    const env = { ACTIONS_RESULTS_URL: server.url, ACTIONS_RUNTIME_TOKEN: githubToken };
    const to = ["--cache-to", "type=gha,mode=max,scope=app"];
    expect(await build(builds.first, ["-t", "app", ...to], undefined, env)).toMatchObject({ code: 0 });
    await using second = await builds.another();
    const { ran, stderr } = await build(
      second,
      ["-t", "app", "--cache-from", "type=gha,scope=app", ...to],
      undefined,
      env,
    );
    expect(ran, stderr).toEqual([]);
    expect(stderr).not.toContain("WARNING");
    expect(await idOf(second, "app")).toBe(await idOf(builds.first, "app"));
    const indexes = [...server.objects.keys()].filter((key) => key.startsWith("index-app-1-"));
    expect(indexes.map((key) => key.replace(/.*#/, ""))).toEqual(["1", "2"]);
    const { stderr: other } = await build(second, ["--cache-from", "type=gha,scope=other"], undefined, env);
    expect(other).not.toContain("WARNING");
  });
});

describe("the content of cache mounts", () => {
  const mounts = `FROM busybox
RUN --mount=type=cache,target=/cache,mode=700,uid=3 ls /cache > /found; echo kept > /cache/file; ln /cache/file /cache/again
ARG CHANGED
RUN --mount=type=cache,target=/cache,mode=700,uid=3 ls -l /cache > /now; cat /proc/sys/kernel/random/uuid > /stamp
`;
  const found = (berth: Berth, file: string) => berth.out(["run", "--rm", "--network", "none", "app", "cat", file]);

  test("travels when it is asked for, and stays in a cache that is passed on", async () => {
    const [dest, next] = [builds.place(), builds.place()];
    const context = await builds.first.files("mounts", { Dockerfile: mounts });
    await build(builds.first, ["-t", "app", "--cache-to", `type=local,dest=${dest},mode=max,mounts=true`], context);
    expect(await found(builds.first, "/found")).toBe("");
    // Nothing runs there, and no mount comes: it is passed on.
    await using second = await builds.another();
    const passing = [
      "--cache-from",
      `type=local,src=${dest},mounts=true`,
      "--cache-to",
      `type=local,dest=${next},mode=max,mounts=true`,
    ];
    expect((await build(second, ["-t", "app", ...passing], context)).stderr).not.toContain("WARNING");
    expect(await second.out(["builder", "du", "--filter", "type=exec.cachemount", "--format", "json"])).toBe("");
    await using third = await builds.another();
    const from = `type=local,src=${next}`;
    const args = ["-t", "app", "--build-arg", "CHANGED=1", "--cache-from"];
    expect((await build(third, [...args, `${from},mounts=true`], context)).code).toBe(0);
    expect(await found(third, "/now")).toMatch(/ again\n.* file$/);
    expect(await third.out(["system", "check"])).toContain("Everything is as it should be.");
    // Not asked for, it doesn't.
    await using fourth = await builds.another();
    await build(fourth, [...args, from], context);
    expect(await found(fourth, "/now")).toBe("total 0");
  });
});
