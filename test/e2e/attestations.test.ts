import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attestedIn, type Described, parsed, type Statement } from "../support/attested-layout.ts";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, type Registry } from "../support/registry.ts";
import { generator, scannedDockerfile } from "../support/sbom-generator.ts";

const hasGit = spawnSync("git", ["--version"]).status === 0;

let berth: Berth;
let registry: Registry;
beforeAll(async () => {
  [berth, registry] = [await openBerthWithBusybox(), await openRegistry()];
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await berth[Symbol.asyncDispose]();
});

const status = `Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u5
`;
const Dockerfile = `FROM busybox AS base
FROM base
ARG TOKEN
LABEL a=b
COPY status /var/lib/dpkg/
COPY package-lock.json /app/
COPY os-release /etc/
RUN --mount=type=secret,id=key test -e /run/secrets/key
`;
const files = {
  Dockerfile,
  status,
  "os-release": "ID=debian\nVERSION_ID=12\n",
  "package-lock.json": JSON.stringify({ packages: { "node_modules/left-pad": { version: "1.3.0" } } }),
};

let count = 0;
const place = (): string => join(berth.directory, `place-${count++}`);

async function contextOf(more: Readonly<Record<string, string>> = {}): Promise<string> {
  const context = await berth.files(`context-${count++}`, { ...files, ...more });
  writeFileSync(join(berth.directory, "key"), "very secret words");
  return context;
}

const flags = ["--network", "none", "--secret", "id=key,src=key", "--build-arg", "TOKEN=argued"];
async function build(context: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await berth.run(["build", "-q", ...flags, ...args, context]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

describe("an image and what is said of it", () => {
  let layout: string;
  let attested: ReturnType<typeof attestedIn>;
  beforeAll(async () => {
    layout = place();
    const output = `type=oci,tar=false,dest=${layout},name=one:1`;
    await build(await contextOf(), "--provenance=true", "--sbom=true", "-o", output);
    attested = attestedIn(layout);
  });

  test("lie in an index as BuildKit lays them out", () => {
    const [image, attestation] = attested.entries;
    expect(attested.entries).toHaveLength(2);
    expect(attestation).toMatchObject({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      annotations: {
        "vnd.docker.reference.digest": image?.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      },
      platform: { architecture: "unknown", os: "unknown" },
    });
    const manifest = JSON.parse(
      readFileSync(join(layout, "blobs", attestation?.digest.replace(":", "/") ?? ""), "utf8"),
    );
    expect(manifest.layers.map(({ mediaType, annotations }: Described) => ({ mediaType, annotations }))).toEqual(
      ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"].map((type) => ({
        mediaType: "application/vnd.in-toto+json",
        annotations: { "in-toto.io/predicate-type": type },
      })),
    );
    for (const { _type, subject } of parsed(attested.texts)) {
      expect(_type).toBe("https://in-toto.io/Statement/v1");
      expect(subject).toEqual([
        {
          name: "pkg:docker/one@1?platform=linux%2Famd64",
          digest: { sha256: image?.digest.replace("sha256:", "") },
        },
      ]);
    }
  });

  test("the packages are told in SPDX", () => {
    const spdx = parsed(attested.texts).find(({ predicateType }) => predicateType === "https://spdx.dev/Document");
    const document = JSON.stringify(spdx?.predicate ?? {});
    const { packages = [], spdxVersion } = JSON.parse(document) as {
      readonly packages?: readonly { readonly externalRefs?: readonly { readonly referenceLocator: string }[] }[];
      readonly spdxVersion?: string;
    };
    expect(spdxVersion).toBe("SPDX-2.3");
    expect(packages.flatMap(({ externalRefs = [] }) => externalRefs.map((each) => each.referenceLocator))).toEqual([
      "pkg:deb/debian/base-files@12.4%2Bdeb12u5?arch=amd64&distro=debian-12",
      "pkg:npm/left-pad@1.3.0",
    ]);
  });

  test("the provenance tells what it was made of, what a user gave, and no secret", async () => {
    const slsa = parsed(attested.texts).find(({ predicateType }) => predicateType === "https://slsa.dev/provenance/v1");
    const id = await berth.out(["inspect", "--format", "{{.Id}}", "busybox"]);
    expect(slsa?.predicate).toMatchObject({
      buildDefinition: {
        externalParameters: {
          configSource: { path: "Dockerfile" },
          request: {
            frontend: "dockerfile.v0",
            args: { "build-arg:TOKEN": "argued" },
            secrets: [{ id: "key" }],
            locals: [{ name: "context" }, { name: "dockerfile" }],
          },
        },
        internalParameters: { builderPlatform: "linux/amd64" },
        resolvedDependencies: [
          {
            uri: "pkg:docker/busybox@latest?platform=linux%2Famd64",
            digest: { sha256: id.replace("sha256:", "") },
          },
        ],
      },
      runDetails: {
        metadata: {
          buildkit_completeness: { request: true, resolvedDependencies: false },
          buildkit_metadata: {
            source: { infos: [{ filename: "Dockerfile", data: Buffer.from(Dockerfile).toString("base64") }] },
          },
        },
      },
    });
    expect(attested.texts.join("")).not.toContain("very secret words");
  });

  test("are loaded elsewhere, and nothing is wrong with either store", async () => {
    await using other = await openBerthWithBusybox();
    await other.out(["load", "-i", layout]);
    for (const each of [berth, other]) {
      const { problems } = JSON.parse((await each.run(["system", "check", "--format", "json"])).stdout);
      expect(problems).toEqual([]);
    }
  });
});

test("a push sends them about what is pushed, and imagetools inspect shows them", async () => {
  const name = `${registry.host}/team/attested:1`;
  const platforms = ["--platform", "linux/amd64,linux/arm64"];
  const plain = await contextOf({ Dockerfile: "FROM scratch\nCOPY status /var/lib/dpkg/\n" });
  await build(plain, ...platforms, "--push", "-t", name, "--attest", "type=provenance,mode=min", "--sbom", "1");
  const raw = await runProgram("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${name}`]);
  const { manifests } = JSON.parse(raw.stdout) as { manifests: readonly Described[] };
  expect(manifests.map(({ platform }) => platform)).toEqual([
    { os: "linux", architecture: "amd64" },
    { os: "linux", architecture: "arm64" },
    ...Array(2).fill({ os: "unknown", architecture: "unknown" }),
  ]);
  expect(manifests.slice(2).map(({ annotations }) => annotations?.["vnd.docker.reference.digest"])).toEqual(
    manifests.slice(0, 2).map(({ digest }) => digest),
  );
  const inspect = (format: string) => berth.out(["imagetools", "inspect", "--format", format, name]);
  const provenance = JSON.parse(await inspect("{{json .Provenance}}"));
  expect(Object.keys(provenance)).toEqual(["linux/amd64", "linux/arm64"]);
  const { request } = provenance["linux/arm64"].SLSA.buildDefinition.externalParameters;
  // mode=min tells nothing of what a user gave.
  expect(request.args).toEqual({ "force-network-mode": "none" });
  expect(request.secrets).toBeUndefined();
  const sbom = JSON.parse(await inspect("{{json .SBOM}}"));
  expect(sbom["linux/amd64"].SPDX.packages.map(({ name: each }: { name: string }) => each)).toEqual(["base-files"]);
  // Another program finds each blob that the manifests name, with its digest.
  const copied = await runProgram("skopeo", [
    ...["copy", "--all", "--src-tls-verify=false", "--insecure-policy"],
    ...[`docker://${name}`, `dir:${place()}`],
  ]);
  expect({ code: copied.code, stderr: copied.stderr }).toEqual({ code: 0, stderr: "" });
  // Subjects are what the registry has.
  const layout = place();
  await berth.out(["copy", "--all", `docker://${name}`, `oci:${layout}`]);
  const subjects = parsed(attestedIn(layout).texts).flatMap(({ subject }) =>
    subject.map(({ digest }) => digest.sha256),
  );
  expect(new Set(subjects)).toEqual(new Set(manifests.slice(0, 2).map(({ digest }) => digest.replace("sha256:", ""))));
  expect(await inspect("{{.Manifest.Digest}}")).toBe(await berth.out(["image", "digest", name]));
});

test.skipIf(!hasGit)(
  "SLSA's version 0.2, the git revision of the context, and whatever else provenance can be told",
  async () => {
    const context = await contextOf();
    const git = (...args: readonly string[]) =>
      runProgram("git", ["-C", context, "-c", "user.name=a", "-c", "user.email=a@b.c", ...args]);
    await git("init", "-q");
    await git("add", ".");
    await git("commit", "-q", "-m", "first");
    await git("remote", "add", "origin", "https://user:password@git.example.org/team/app.git");
    const [layout, sub] = [place(), join(context, "sub")];
    mkdirSync(sub);
    writeFileSync(join(sub, "file"), "");
    const own = ["version=v0.2", "builder-id=https://example.org/builder", "reproducible=true"].join();
    const plain = await berth.files(`${count++}`, { Dockerfile: "FROM busybox\nCOPY file /\n" });
    await berth.out([
      ...["build", "-q", "--provenance", own, "-f", join(plain, "Dockerfile")],
      ...["-o", `type=oci,tar=false,dest=${layout}`, sub],
    ]);
    const [{ predicateType, predicate } = { predicateType: "", predicate: {} }] = parsed(attestedIn(layout).texts);
    expect(predicateType).toBe("https://slsa.dev/provenance/v0.2");
    expect(predicate).toMatchObject({
      builder: { id: "https://example.org/builder" },
      buildType: "https://mobyproject.org/buildkit@v1",
      invocation: { configSource: { entryPoint: "Dockerfile" }, environment: { platform: "linux/amd64" } },
      metadata: {
        reproducible: true,
        "https://mobyproject.org/buildkit@v1#metadata": {
          vcs: {
            source: "https://xxxxx:xxxxx@git.example.org/team/app.git",
            revision: (await git("rev-parse", "HEAD")).stdout.trim(),
            "localdir:context": "sub",
          },
        },
      },
    });
  },
);

test("beside files they are files, about those; inline-only leaves them out", async () => {
  const context = await contextOf({ Dockerfile: "FROM scratch\nCOPY status /\n" });
  const [out, without, split] = [place(), place(), place()];
  await build(context, "--provenance=true", "--sbom=true", "-o", out);
  expect(readdirSync(out)).toEqual(["provenance.json", "sbom.spdx.json", "status"]);
  const { stdout } = await runProgram("sha256sum", [join(out, "status")]);
  const statement: Statement = JSON.parse(readFileSync(join(out, "provenance.json"), "utf8"));
  expect(statement.subject).toEqual([{ name: "status", digest: { sha256: stdout.split(" ")[0] } }]);
  await build(context, "--provenance", "inline-only=true", "-o", without);
  expect(readdirSync(without)).toEqual(["status"]);
  await build(context, "--platform", "linux/amd64,linux/arm64", "--provenance", "filename=p.json", "-o", split);
  expect(readdirSync(join(split, "linux_arm64"))).toEqual(["p.json", "status"]);
});

test("an image lists what is in the target, in the stages that ask for it and in what is used of the context", async () => {
  const context = await contextOf({
    Dockerfile: scannedDockerfile,
  });
  await build(await berth.files(`${count++}`, generator), "-t", "generator");
  const [layout, out] = [place(), place()];
  const asked = ["--sbom", "generator=generator,depth=7", "--build-arg", "BUILDKIT_SBOM_SCAN_CONTEXT=1"];
  await build(context, ...asked, "--provenance=true", "-o", `type=oci,tar=false,dest=${layout},name=one:1`);
  const statements = parsed(attestedIn(layout).texts);
  const spdx = statements.filter(({ predicateType }) => predicateType === "https://spdx.dev/Document");
  expect(spdx.map(({ predicate }) => [predicate["name"], predicate["comment"]])).toEqual([
    ["sbom", "base made sh target 7 0 /work own"],
    ["sbom-base", "base 7 0 /work own"],
    ["sbom-context", "status 7 0 /work own"],
    ["sbom-named", expect.stringMatching(/\bmade\b.* 7 0 \/work own$/)],
  ]);
  const [image] = attestedIn(layout).entries;
  for (const { subject } of statements)
    expect(subject.map(({ digest }) => `sha256:${digest.sha256}`)).toEqual([image?.digest]);
  const slsa = statements.find(({ predicateType }) => predicateType.startsWith("https://slsa.dev/"));
  expect(JSON.stringify(slsa?.predicate)).toContain("pkg:docker/generator@latest");

  // Again, from the cache; a file of the context that isn't used changes nothing. Beside files there are files.
  writeFileSync(join(context, "package-lock.json"), "{}");
  const again = await berth.run(["build", "--progress=plain", ...flags, ...asked, "-o", out, context]);
  expect(again.stderr).toMatch(/^#(\d+) \[linux\/amd64\] generating sbom using .*\/generator:latest\n#\1 CACHED$/m);
  const written = ["sbom-base.spdx.json", "sbom-context.spdx.json", "sbom-named.spdx.json", "sbom.spdx.json"];
  expect(readdirSync(out)).toEqual(["base", "made", ...written, "sh", "target"]);
  expect((await berth.run(["system", "check"])).stdout).toContain("Everything is as it should be.");
});

test("a generator comes from a registry, and scans each platform, an empty one too", async () => {
  const name = `${registry.host}/tools/generator:1`;
  await build(await berth.files(`${count++}`, generator), "--push", "-t", name);
  await berth.out(["rmi", "-f", name]);
  const context = await contextOf({ Dockerfile: "FROM scratch\nLABEL a=b\n" });
  const out = place();
  await build(context, "--platform", "linux/amd64,linux/arm64", "--sbom", `generator=${name}`, "-o", out);
  for (const platform of ["linux_amd64", "linux_arm64"]) {
    const statement: Statement = JSON.parse(readFileSync(join(out, platform, "sbom.spdx.json"), "utf8"));
    expect(statement.predicate).toEqual({ name: "sbom", comment: "  0 /work own" });
  }
});

test.each([
  ["FROM scratch\nLABEL a=b\n", /scanner \S+ does not have cmd/],
  ["FROM busybox\nCMD exit 3\n", /process ".*" did not complete successfully: exit code: 3/],
  ['FROM busybox\nCMD echo "{" > /run/out/a.spdx.json\n', /cannot decode in-toto statement/],
  ["FROM busybox\nCMD echo {} > /run/out/a.spdx.json\n", /bundle entry {2}does not match required predicate type/],
  ["FROM busybox\nCMD ln -s /etc/passwd /run/out/a.spdx.json\n", /a.spdx.json is not a regular file/],
])("a generator that doesn't do its work fails the build: %s", async (text, says) => {
  await build(await contextOf({ Dockerfile: text }), "-t", "wrong");
  const { code, stderr } = await berth.run(["build", ...flags, "--sbom=generator=wrong", await contextOf()]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(says) });
});

test("without being asked nothing is said, and the image is as ever", async () => {
  const context = await contextOf();
  await build(context, "-t", "plain", "--provenance=false", "--sbom=false");
  await build(context, "-t", "attested", "--provenance=true");
  const ids = await berth.out(["inspect", "--format", "{{.Id}}", "plain", "attested"]);
  expect(new Set(ids.split("\n")).size).toBe(1);
  expect(await berth.out(["run", "--rm", "--network", "none", "attested", "cat", "/etc/os-release"])).toContain(
    "debian",
  );
});

test.each([
  [["--sbom", "generator="], "ERROR: sbom generator cannot be empty"],
  [["--sbom", "depth=1"], "ERROR: berth's sbom has no depth"],
  [["--provenance", "mode=most"], 'ERROR: invalid mode "most"'],
  [["--provenance", "version=v2"], "ERROR: invalid provenance SLSA version: v2"],
  [["--provenance", "filename=../x"], "ERROR: the provenance's filename ../x is no plain name"],
  [["--provenance", "bogus=1"], "ERROR: berth's provenance has no bogus"],
  [["--attest", "mode=min"], "ERROR: attestation type not specified"],
  [["--attest", "type=vex"], 'ERROR: invalid attestation type "vex"'],
  [
    ["--sbom=1", "-o", "type=docker,dest=-"],
    "ERROR: docker exporter does not currently support exporting manifest lists",
  ],
  [["--sbom=1", "-o", "type=oci,oci-mediatypes=false"], "ERROR: cannot export attestations with"],
])("what can't be said is refused: %j", async (args, says) => {
  const { code, stdout, stderr } = await berth.run(["build", ...args, await contextOf()]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr.startsWith(says)).toBe(true);
});

test("a build that was pushed and is pulled is whole, and can be pushed on", async () => {
  const context = await contextOf();
  const [name, other] = [`${registry.host}/round`, `${registry.host}/other`];
  await build(context, "--provenance=true", "--load", "-t", name);
  await berth.out(["push", "-q", name]);
  await berth.out(["pull", "-q", name]);
  expect(await berth.out(["system", "check"])).toMatch(/Everything is as it should be\.$/);
  await berth.out(["tag", name, other]);
  expect(await berth.out(["push", "-q", other])).toMatch(/\/other:latest$/);
});
