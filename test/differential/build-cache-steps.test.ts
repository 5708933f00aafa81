import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { type DebianRelease, type Docker, dockerOf, type NoDocker, openDocker } from "../support/docker.ts";
import { type GitServer, hasGit, makeRepository, serveGit } from "../support/git-server.ts";
import { baseArchives } from "../support/images.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

// Steps that BuildKit built are found by berth in its caches, and the other way round: of the very layers.

const isRoot = process.getuid?.() === 0;
const releases = ["trixie", "forky"] as const;
// They are fetched before the network is left.
const programs = new Map<DebianRelease, string | NoDocker>(
  isRoot ? releases.map((each) => [each, dockerOf(each)]) : [],
);
if (isRoot) enterPrivateNetwork();
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

/** Two stages with steps of each kind, none of which is what it was in another run. */
const dockerfile = (base: string, word: string): string => `FROM ${base} AS made
ARG WORD=${word}
WORKDIR /src
COPY dir .
RUN --mount=type=cache,target=/var/cache/x echo $WORD > made && cat x >> made
FROM ${base}
ENV GREETING="hello & <you>"
COPY *.txt /texts/
COPY --link --chown=1000:1000 a.txt /owned/
USER 1000
WORKDIR /work
RUN --mount=target=/context <<END
cat /context/b.txt > /tmp/b
END
COPY --from=made /src/made /made
COPY <<END /inline
$GREETING
END
RUN id > /tmp/id
`;

/** Stages whose last one stands on what is tried. */
const stages = (base: string, first: string, last: string): string =>
  `FROM ${base} AS made\n${first}\nFROM ${base}\n${last}\n`;

/** Steps of which each crosses over by itself. `GIT` is a repository, `BASE` an image for several platforms. */
const crossing: Readonly<Record<string, { readonly text: string; readonly args?: readonly string[] }>> = {
  "a cache that begins with a part of a stage, with an owner": {
    text: stages(
      "BASE",
      "RUN mkdir /seed && echo seed > /seed/x",
      "RUN --mount=type=cache,id=part,target=/c,from=made,source=/seed,uid=5,mode=0700 cat /c/x > /x",
    ),
  },
  "a cache that begins with a directory of its own in a stage": {
    text: stages(
      "BASE",
      "RUN mkdir -m 711 /cache && echo own > /cache/x",
      "RUN --mount=type=cache,id=own,target=/c,from=made,gid=6 cat /c/x > /x",
    ),
  },
  "a cache that begins with a directory made in a stage": {
    text: stages(
      "BASE",
      "RUN echo made > /made",
      "RUN --mount=type=cache,id=made,target=/c,from=made,uid=5,mode=0700 stat -c '%a %u' /c > /x",
    ),
  },
  "a cache with a mode that it has anyway": {
    text: stages("BASE", "RUN true", "RUN --mount=type=cache,id=anyway,target=/c,mode=0755 ls /c > /x"),
  },
  ...(hasGit && {
    "a repository": { text: stages("BASE", "ADD GIT /r/", "COPY --from=made /r /r") },
    "a directory of a repository's tag, and a file beside it": {
      text: stages("BASE", "ADD --chown=1:2 GIT#v1:sub b.txt /r/", "COPY --from=made /r /r"),
    },
    "a repository, linked": { text: stages("BASE", "RUN true", "ADD --link GIT#main /r/") },
  }),
  "32-bit ARM": {
    text: stages("BASE", "RUN echo arm > /x", "WORKDIR /w\nCOPY --from=made /x x\nRUN echo more >> x"),
    args: ["--platform", "linux/arm"],
  },
  "an older 32-bit ARM": {
    text: stages("BASE", "RUN echo arm > /x", "COPY --from=made /x x"),
    args: ["--platform", "linux/arm/v6"],
  },
};

/** Where the steps stand. */
const made = ["made 2/4", "made 3/4", "made 4/4"];
const last = ["stage-1 2/8", "stage-1 3/8", "stage-1 4/8", "stage-1 5/8", "stage-1 6/8", "stage-1 7/8", "stage-1 8/8"];
const all = [...made, ...last];

/** A Docker whose builder writes caches of every kind, a registry, and a base image there. */
interface Beside extends AsyncDisposable {
  readonly docker: Docker;
  readonly registry: Registry;
  readonly base: string;
  /** The same for several platforms. */
  readonly multi: string;
  /** Address of a repository. */
  readonly git: string;
}

async function openBeside(release: DebianRelease): Promise<Beside | undefined> {
  await using opened = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "docker-config-"));
  opened.defer(() => rmSync(directory, { recursive: true }));
  const config = join(directory, "daemon.json");
  writeFileSync(config, JSON.stringify({ features: { "containerd-snapshotter": true } }));
  const found = programs.get(release) ?? { reason: "it needs root" };
  const docker = await openDocker(["--config-file", config], found);
  if ("reason" in docker) {
    process.stderr.write(`\n*** SKIPPED: no comparison with the Docker of ${release}: ${docker.reason} ***\n\n`);
    return undefined;
  }
  opened.use(docker);
  const registry = opened.use(await openRegistry());
  const base = `${registry.host}/base`;
  for (const args of [
    ["tag", "busybox", base],
    ["push", base],
  ])
    await succeed(docker, args);
  const multi = `${registry.host}/multi`;
  const platforms = ["--platform", "linux/amd64,linux/arm/v6,linux/arm/v7"];
  cpSync(baseArchives().busybox, join(directory, "base.tar"));
  writeFileSync(join(directory, "Dockerfile"), "FROM scratch\nADD base.tar /\n");
  await succeed(docker, ["build", ...platforms, "--output", `type=image,name=${multi},push=true`, directory]);
  const git = opened.use(await openGit(join(directory, "git")));
  const owned = opened.move();
  return {
    docker,
    registry,
    base,
    multi,
    git: `${git.url}/repo.git`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A server of a repository. */
async function openGit(directory: string): Promise<GitServer> {
  if (hasGit) {
    const repository = await makeRepository(join(directory, "repo.git"));
    await repository.commit({ f: "f\n", "sub/g": "g\n" });
    await repository.git("tag", "-a", "v1", "-m", "first");
    await repository.commit({ more: "more\n" });
  }
  return await serveGit(directory);
}

async function succeed(
  engine: Pick<Docker, "run">,
  args: readonly string[],
): Promise<{ readonly stderr: string; readonly stdout: string }> {
  const outcome = await engine.run(args);
  if (outcome.code !== 0) throw new Error(`${args.join(" ")}: ${outcome.stderr}`);
  return outcome;
}

/** Which steps a build found, and which it ran. */
async function build(
  engine: Pick<Docker, "run">,
  args: readonly string[],
): Promise<{ readonly cached: readonly string[]; readonly ran: readonly string[] }> {
  const { stderr } = await succeed(engine, ["build", "--progress", "plain", ...args]);
  expect(stderr).not.toMatch(/WARN|importing cache manifest from \S+\n#\d+ ERROR/);
  const steps = [...stderr.matchAll(/^#(?<number>\d+) \[(?<name>(?:made|stage-1) [2-9]\/\d)\] (?!LINK )/gm)].map(
    ({ groups = {} }) => ({ number: groups["number"] ?? "", name: groups["name"] ?? "" }),
  );
  const isCached = ({ number }: { readonly number: string }): boolean => stderr.includes(`\n#${number} CACHED\n`);
  const named = (which: typeof steps): readonly string[] => [...new Set(which.map(({ name }) => name))].sort();
  return { cached: named(steps.filter(isCached)), ran: named(steps.filter((step) => !isCached(step))) };
}

async function layersOf(engine: Pick<Docker, "run">, image: string): Promise<unknown> {
  return JSON.parse((await succeed(engine, ["image", "inspect", "--format", "{{json .RootFS.Layers}}", image])).stdout);
}

let contexts = 0;
async function contextIn(
  berth: Berth,
  Dockerfile: string,
  others: Readonly<Record<string, string>> = {},
): Promise<string> {
  const files = { "a.txt": "a\n", "b.txt": "b\n", "dir/x": "x\n", "dir/sub/y": "y\n" };
  return await berth.files(`context-${contexts++}`, { ...files, Dockerfile, ...others });
}

for (const release of releases) {
  const beside = await openBeside(release);
  if (beside === undefined) {
    describe.skip(`the Docker of ${release}`, () => test("needs a Docker that starts", () => {}));
    continue;
  }
  stack.use(beside);
  const { docker, registry, base, multi, git } = beside;

  describe(`the Docker of ${release}`, () => {
    // Of the older one what it writes in other forms; all else is the same.
    const modes = release === "forky" ? ["max", "min"] : ["max"];

    test.each(modes)("berth finds what BuildKit built, mode=%s", async (mode) => {
      await using berth = openBerth();
      const context = await contextIn(berth, dockerfile(base, `docker-${mode}`));
      const cache = join(berth.directory, "cache");
      await build(docker, ["-t", "theirs", "--cache-to", `type=local,dest=${cache},mode=${mode}`, context]);
      const from = ["--cache-from", `type=local,src=${cache}`];
      const passed = join(berth.directory, "passed");
      const to = ["--cache-to", `type=local,dest=${passed},mode=${mode}`];
      expect(await build(berth, ["-t", "mine", ...from, ...to, context])).toEqual({ cached: all, ran: [] });
      expect(await layersOf(berth, "mine")).toEqual(await layersOf(docker, "theirs"));
      // What berth passes on of it is found by BuildKit again.
      await succeed(docker, ["builder", "prune", "-af"]);
      expect((await build(docker, ["--cache-from", `type=local,src=${passed}`, context])).ran).toEqual([]);
    });

    test("BuildKit finds what berth built", async () => {
      await using berth = openBerth();
      const context = await contextIn(berth, dockerfile(base, "berth"));
      const cache = join(berth.directory, "cache");
      await build(berth, ["-t", "mine", "--cache-to", `type=local,dest=${cache},mode=max`, context]);
      await succeed(docker, ["builder", "prune", "-af"]);
      const from = ["--cache-from", `type=local,src=${cache}`];
      expect((await build(docker, ["-t", "theirs", ...from, context])).ran).toEqual([]);
      expect(await layersOf(docker, "theirs")).toEqual(await layersOf(berth, "mine"));
    });

    test.each(Object.entries(crossing))("both ways: %s", async (_, { text, args = [] }) => {
      const Dockerfile = text.replaceAll("BASE", multi).replaceAll("GIT", git);
      for (const isBerth of [true, false]) {
        await using berth = openBerth();
        const [writer, reader] = isBerth ? [berth, docker] : [docker, berth];
        const context = await contextIn(berth, Dockerfile);
        const cache = join(berth.directory, "cache");
        await succeed(docker, ["builder", "prune", "-af"]);
        const written = await build(writer, [...args, "--cache-to", `type=local,dest=${cache},mode=max`, context]);
        await succeed(docker, ["builder", "prune", "-af"]);
        const { cached } = await build(reader, [...args, "--cache-from", `type=local,src=${cache}`, context]);
        expect(cached).not.toEqual([]);
        expect(cached).toEqual(written.ran);
      }
    });

    test.runIf(release === "forky")("what changed isn't found, nor what stands on it", async () => {
      await using berth = openBerth();
      const text = dockerfile(base, "changes");
      const context = await contextIn(berth, text);
      const caches = { theirs: join(berth.directory, "theirs"), own: join(berth.directory, "own") };
      await build(docker, ["--cache-to", `type=local,dest=${caches.theirs},mode=max`, context]);
      await build(berth, ["--cache-to", `type=local,dest=${caches.own},mode=max`, context]);
      const other = `${registry.host}/other`;
      await succeed(berth, ["build", "--push", "-t", other, await contextIn(berth, `FROM ${base}\nRUN echo > /other`)]);
      const otherText = await contextIn(berth, text, { "a.txt": "another\n" });
      const cases = [
        // The directory of the context is mounted as a whole.
        { why: "a file", args: [otherText], cached: made },
        {
          why: "an argument",
          args: ["--build-arg", "WORD=other", context],
          cached: [...all.slice(0, 2), ...last.slice(0, 4)],
        },
        { why: "the base", args: [await contextIn(berth, text.replaceAll(base, other))], cached: [] },
      ];
      for (const { why, args, cached } of cases) {
        await succeed(docker, ["builder", "prune", "-af"]);
        await succeed(berth, ["builder", "prune", "-f"]);
        const expected = { cached, ran: all.filter((step) => !cached.includes(step)) };
        expect(await build(berth, ["--cache-from", `type=local,src=${caches.theirs}`, ...args]), why).toEqual(expected);
        expect(await build(docker, ["--cache-from", `type=local,src=${caches.own}`, ...args]), why).toEqual(expected);
      }
    });

    test.runIf(release === "forky")("caches in images and registries cross over", async () => {
      await using berth = openBerth();
      const places = [
        { where: "image", to: () => ["--cache-to", "type=inline"] },
        { where: "cache", to: (ref: string) => ["--cache-to", `type=registry,mode=max,ref=${ref}`] },
      ];
      for (const { where, to } of places) {
        for (const [writer, reader, who] of [
          [docker, berth, "docker"],
          [berth, docker, "berth"],
        ] as const) {
          const ref = `${registry.host}/${where}-${who}`;
          const context = await contextIn(berth, dockerfile(base, `${where}-${who}`));
          const pushed = where === "image" ? ["--push", "-t", ref] : [];
          await build(writer, [...pushed, ...to(ref), context]);
          await succeed(docker, ["builder", "prune", "-af"]);
          const { cached, ran } = await build(reader, ["--cache-from", ref, context]);
          expect(ran, ref).toEqual([]);
          expect(cached, ref).toEqual(expect.arrayContaining(last));
        }
      }
    });
  });
}
