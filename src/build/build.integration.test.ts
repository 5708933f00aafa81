import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { enterPrivateNetwork } from "../../test/support/private-network.ts";
import type { ProgressEvent } from "../base/operation.ts";
import { openContent } from "../content/content.ts";
import { openHost } from "../host/host.ts";
import { defaultSettings } from "../host/settings.ts";
import { createImage, type Image, parseTag } from "../image/images.ts";
import type { PullDeps } from "../image/pull.ts";
import { openDatabase, openState } from "../metadata/open.ts";
import { openNetworks } from "../network/networks.ts";
import { chainIDs } from "../oci/digest.ts";
import { hostPlatform } from "../oci/platform.ts";
import { openRegistries } from "../registry/registries.ts";
import { openRuntime } from "../runtime/runtime.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import { openSnapshotter } from "../snapshot/snapshotter.ts";
import { type BuildDeps, type BuildOptions, type BuildResult, build } from "./build.ts";
import { keptSteps } from "./kept-steps.ts";
import { from, scratch } from "./typed/stage.ts";

const place = mkdtempSync(join(tmpdir(), "berth-build-"));
const host = openHost({ root: join(place, "root"), runRoot: join(place, "run") });
const owned = new AsyncDisposableStack();
let deps: BuildDeps;

beforeAll(async () => {
  enterPrivateNetwork();
  const [db, state] = await Promise.all([openDatabase(host), openState(host)]);
  owned.use(db);
  owned.use(state);
  const snapshotter = owned.use(openSnapshotter(host, db));
  const networks = openNetworks({ host, database: db, state });
  const shared = { host, db, content: openContent(host), snapshotter };
  const settings = { ...defaultSettings, registries: new Map([["docker.io", { blocked: true }]]) };
  const registries = owned.use(openRegistries({ settings, credentials: async () => undefined }));
  const openPull = async (): Promise<PullDeps> => ({ ...shared, registries, parallel: 3 });
  const openLayout = () => Promise.reject(new Error("no test has a layout"));
  const openRegistriesOfTest = async () => ({ registries, parallel: 3, parallelUploads: 3 });
  deps = {
    ...{ ...shared, runtime: openRuntime(host), networks },
    ...{ openPull, openLayout, openRegistries: openRegistriesOfTest },
  };
  await makeBusybox();
});

afterAll(async () => {
  await owned.disposeAsync();
  rmSync(place, { recursive: true, force: true });
});

async function makeBusybox(): Promise<void> {
  await using root = await deps.snapshotter.prepare("busybox", undefined);
  for (const directory of ["bin", "etc", "tmp"]) mkdirSync(join(root.upper, directory));
  copyFileSync("/usr/bin/busybox", join(root.upper, "bin/busybox"));
  for (const applet of ["sh", "cat", "echo", "id", "ls", "sleep", "rm", "mkdir", "true", "false", "touch", "stat"])
    symlinkSync("busybox", join(root.upper, "bin", applet));
  writeFileSync(join(root.upper, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n");
  const { diffID } = await root.commit();
  const config = {
    ...hostPlatform,
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: [diffID] },
    history: [{ created: "2020-01-01T00:00:00Z", created_by: "base" }],
  } as const;
  await createImage(deps, config, { references: [parseTag("busybox")] });
}

/** A context with these files. */
function contextOf(files: Readonly<Record<string, string>>): string {
  const context = mkdtempSync(join(place, "context-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, name)), { recursive: true });
    writeFileSync(join(context, name), text);
  }
  return context;
}

interface Built extends BuildResult {
  readonly events: readonly ProgressEvent[];
  /** What became of each vertex. */
  readonly steps: readonly string[];
  readonly output: string;
}

async function run(context: string, options: Omit<Partial<BuildOptions>, "context"> = {}): Promise<Built> {
  const events: ProgressEvent[] = [];
  const result = await build(deps, { context, ...options, report: (event) => events.push(event) });
  const steps = events.flatMap((event) =>
    event.kind === "step" && event.status !== "started" ? `${event.status} ${event.name}` : [],
  );
  const output = events
    .flatMap((event) => (event.kind === "output" ? Buffer.from(event.data).toString() : []))
    .join("");
  return { ...result, events, steps: steps.filter((step) => !step.includes("[internal]")), output };
}

function treeOf(image: Image): MergedTree {
  return deps.snapshotter.view(chainIDs(image.config.rootfs.diff_ids).at(-1));
}

const textIn = (image: Image, path: string): string =>
  treeOf(image)
    .readFile(path, 1 << 20)
    .toString();

/** What a build may leave nowhere. */
function expectNothingLeft(): void {
  // Steps that failed are kept.
  const kept = keptSteps(deps.db).flatMap(({ files, mounts }) => (mounts === undefined ? [files] : [files, mounts]));
  expect(readdirSync(join(host.root, "active")).sort()).toEqual(kept.sort());
  expect(readdirSync(host.runRoot).filter((name) => name.startsWith("step-"))).toEqual([]);
  expect(execFileSync("cat", ["/proc/self/mountinfo"]).toString()).not.toContain(place);
  const runtimeState = join(host.runRoot, "crun");
  expect(existsSync(runtimeState) ? readdirSync(runtimeState) : []).toEqual([]);
}

test("a build makes an image, and the same again from the cache alone", async () => {
  const context = contextOf({
    Dockerfile:
      'FROM busybox\nWORKDIR /app\nCOPY hello.sh .\nRUN cat hello.sh > /out && id\nENV A=b\nCMD ["./hello.sh"]\n',
    "hello.sh": "echo hello\n",
  });
  const first = await run(context, { tags: ["one", "two:x"] });
  expect(first.output).toContain("uid=0(root)");
  expect(first.image.references).toEqual(["one:latest", "two:x"]);
  expect(first.image.config.config).toEqual({
    Env: ["PATH=/bin", "A=b"],
    Cmd: ["./hello.sh"],
    WorkingDir: "/app",
    ArgsEscaped: true,
  });
  expect(textIn(first.image, "/out")).toBe("echo hello\n");
  const second = await run(context);
  expect(second.image.id).toBe(first.image.id);
  expect(second.steps).toEqual([
    "done [1/4] FROM docker.io/library/busybox:latest",
    "cached [2/4] WORKDIR /app",
    "cached [3/4] COPY hello.sh .",
    "cached [4/4] RUN cat hello.sh > /out && id",
    "done exporting to image",
  ]);
  expectNothingLeft();
});

test("the time of a file is no part of the key, its content and mode are", async () => {
  const context = contextOf({ Dockerfile: "FROM scratch\nCOPY a /a\n", a: "1" });
  await run(context);
  utimesSync(join(context, "a"), 1, 1);
  expect((await run(context)).steps).toContain("cached [1/1] COPY a /a");
  writeFileSync(join(context, "a"), "2");
  expect((await run(context)).steps).toContain("done [1/1] COPY a /a");
});

test("a step that ran again with the same outcome lets what copies from it hit", async () => {
  const context = contextOf({
    Dockerfile: "FROM busybox AS make\nARG N\nRUN echo same > /x\nFROM scratch\nCOPY --from=make /x /x\n",
  });
  await run(context, { buildArgs: { N: "1" } });
  const { steps } = await run(context, { buildArgs: { N: "2" } });
  expect(steps).toContain("done [make 2/2] RUN echo same > /x");
  expect(steps).toContain("cached [stage-1 1/1] COPY --from=make /x /x");
});

test("a step can open its standard output by name, also as a user", async () => {
  const context = contextOf({
    Dockerfile: "FROM busybox\nRUN echo one > /dev/stdout\nUSER alice\nRUN echo two > /dev/stderr\n",
  });
  expect((await run(context)).output).toBe("one\ntwo\n");
});

test("--no-cache runs every step", async () => {
  const context = contextOf({ Dockerfile: "FROM busybox\nRUN true\n" });
  await run(context);
  expect((await run(context, { noCache: true })).steps).toContain("done [2/2] RUN true");
});

test("what a step mounts is not in its layer", async () => {
  const context = contextOf({
    Dockerfile: `FROM busybox
RUN --mount=type=tmpfs,target=/mnt/a/b --mount=type=cache,target=/cache --mount=type=bind,target=/src cat /src/f /etc/hosts && touch /cache/x /mnt/a/b/y
RUN --mount=type=cache,target=/cache ls /cache
`,
    f: "from the context\n",
  });
  const { image, output } = await run(context);
  expect(output).toContain("from the context");
  expect(output).toContain("buildkitsandbox");
  expect(output).toMatch(/^x$/m);
  expect(["/mnt", "/src", "/etc/hosts", "/cache"].filter((path) => treeOf(image).lstat(path) !== undefined)).toEqual(
    [],
  );
});

test("stages are bound without a copy, and writes to them are lost", async () => {
  const context = contextOf({
    Dockerfile: `FROM busybox AS lib
RUN mkdir /lib && echo one > /lib/a
RUN echo two > /lib/b && rm /lib/a && echo three > /lib/c
FROM busybox
RUN --mount=from=lib,source=/lib,target=/l,rw ls /l && touch /l/new
RUN --mount=from=lib,source=/lib,target=/l ls /l > /list
`,
  });
  const { image } = await run(context);
  expect(textIn(image, "/list")).toBe("b\nc\n");
});

test("a failing step says its place, its code and its last words, and leaves nothing but itself", async () => {
  const context = contextOf({ Dockerfile: "FROM busybox\nRUN true\nRUN echo last words; \\\n  exit 42\n" });
  await expect(run(context)).rejects.toMatchObject({
    name: "BuildError",
    message: 'process "/bin/sh -c echo last words;   exit 42" did not complete successfully: exit code: 42',
    exitCode: 42,
    span: { start: 3, end: 4 },
    step: "[3/3] RUN echo last words;   exit 42",
    output: ["last words"],
    source: { name: "Dockerfile" },
  });
  expectNothingLeft();
  expect((await run(context, { target: "" }).catch((error: unknown) => error)) instanceof Error).toBe(true);
});

test("a command that isn't there is told by name", async () => {
  const context = contextOf({ Dockerfile: 'FROM busybox\nRUN ["/nowhere"]\n' });
  await expect(run(context)).rejects.toMatchObject({ exitCode: 127, message: expect.stringContaining("/nowhere") });
});

test("a base that is nowhere is told with the registry that hasn't given it", async () => {
  await expect(run(contextOf({ Dockerfile: "FROM nowhere/such:1\n" }))).rejects.toMatchObject({
    hint: expect.stringMatching(/^nowhere\/such:1 is not in the store, and docker\.io doesn't give it\. /),
  });
});

test.each([
  ["FROM scratch\nCOPY missing /x\n", '"/missing": not found', 2],
  [
    "FROM nowhere/such:1\n",
    "nowhere/such:1: failed to resolve source metadata for docker.io/nowhere/such:1: pull access denied",
    1,
  ],
  ["FROM busybox\nRUN --mount=type=secret,id=key,required true\n", "secret key: not found", 2],
  ["FROM busybox\nUSER nobody-here\nRUN true\n", "unable to find user nobody-here", 3],
  ["FROM busybox\nCOPY https://example.invalid/x /\n", "source can't be a URL for COPY", 2],
])("%j fails with its line", async (text, message, line) => {
  await expect(run(contextOf({ Dockerfile: text }))).rejects.toMatchObject({
    message: expect.stringContaining(message),
    span: { start: line },
  });
  expectNothingLeft();
});

test("an abort ends running steps without asking them, and leaves nothing", async () => {
  const script = "trap 'echo asked' TERM INT; echo started; while :; do sleep 0.05; done";
  const context = contextOf({ Dockerfile: `FROM busybox\nRUN ${script}\n` });
  const stop = new AbortController();
  let output = "";
  const building = build(deps, {
    context,
    signal: stop.signal,
    report: (event) => {
      if (event.kind !== "output") return;
      output += Buffer.from(event.data);
      stop.abort(new Error("interrupted"));
    },
  });
  await expect(building).rejects.toThrow("interrupted");
  expect(output).toBe("started\n");
  expectNothingLeft();
});

test("independent stages run side by side: each waits for the other", async () => {
  const context = contextOf({
    Dockerfile: `FROM busybox AS a
RUN --mount=type=cache,target=/c touch /c/a; until test -e /c/b; do sleep 0.05; done; echo a > /a
FROM busybox AS b
RUN --mount=type=cache,target=/c touch /c/b; until test -e /c/a; do sleep 0.05; done; echo b > /b
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
`,
  });
  expect(treeOf((await run(context)).image).readdir("/")).toEqual(["a", "b"]);
});

test("an archive is unpacked by ADD with its own owners, and copied by COPY with those asked for", async () => {
  const context = contextOf({
    Dockerfile: `FROM busybox
ADD --chown=alice a.tar.gz /in/
COPY --chmod=700 --chown=7 a.tar.gz a.txt /out/
COPY --chmod=u=rwX,go=X tree /words
`,
    "tree/dir/file": "x",
    "a.txt": "y",
  });
  execFileSync("tar", ["--owner=5", "--group=6", "-czf", join(context, "a.tar.gz"), "-C", join(context, "tree"), "."]);
  const tree = treeOf((await run(context)).image);
  expect(tree.lstat("/in/dir/file")?.stats).toMatchObject({ uid: 5n, gid: 6n });
  expect(tree.lstat("/in")?.stats).toMatchObject({ uid: 1000n, gid: 1001n });
  expect(tree.lstat("/out/a.txt")?.stats).toMatchObject({ uid: 7n, gid: 7n, mode: 0o100700n });
  expect(tree.lstat("/out/a.tar.gz")?.kind).toBe("file");
  expect([tree.lstat("/words/dir")?.stats.mode, tree.lstat("/words/dir/file")?.stats.mode]).toEqual([
    0o040711n,
    0o100600n,
  ]);
});

test("what .dockerignore excludes is not there, but for its exceptions", async () => {
  const context = contextOf({
    Dockerfile: "FROM scratch\nCOPY . /\n",
    ".dockerignore": "*\n!keep\n!deep/in/side\n",
    keep: "",
    drop: "",
    "deep/in/side": "",
    "deep/in/out": "",
  });
  const tree = treeOf((await run(context)).image);
  expect(tree.readdir("/")).toEqual(["deep", "keep"]);
  expect(tree.readdir("/deep/in")).toEqual(["side"]);
});

test("a copy follows symlinks in its destination inside the root", async () => {
  const context = contextOf({
    Dockerfile:
      "FROM busybox\nRUN mkdir /real && busybox ln -s /real /link && busybox ln -s ../../.. /up\nCOPY a /link/\nCOPY a /up/b\n",
    a: "a",
  });
  const tree = treeOf((await run(context)).image);
  expect([tree.lstat("/real/a")?.kind, tree.lstat("/link")?.kind, tree.lstat("/b")?.kind]).toEqual([
    "file",
    "symlink",
    "file",
  ]);
});

test("a context may be a stream: an archive, or a Dockerfile alone", async () => {
  const context = contextOf({ "x/Dockerfile": "FROM scratch\nCOPY a /\n", a: "from the archive" });
  const archive = execFileSync("tar", ["-C", context, "-czf", "-", "."]);
  const { image } = await build(deps, { context: Readable.from([archive]), dockerfile: "x/Dockerfile" });
  expect(textIn(image, "/a")).toBe("from the archive");
  const alone = await build(deps, { context: Readable.from([Buffer.from("FROM busybox\nENV a=b\n")]) });
  expect(alone.image.config.config?.Env).toContain("a=b");
  expect(readdirSync(join(host.root, "tmp"))).toEqual([]);
});

test("stages of a program are cached by what a Dockerfile has built, and make the same image", async () => {
  const context = contextOf({
    Dockerfile: "FROM busybox AS make\nCOPY a /a\nRUN cat /a > /b\nFROM scratch\nCOPY --from=make /b /c/\nENV A=b\n",
    a: "a",
  });
  const made = from("busybox", { name: "make" }).copy("a", "/a").run("cat /a > /b");
  const graph = scratch().copy("/b", "/c/", { from: made }).env({ A: "b" });
  const { image } = await run(context);
  const again = await run(context, { graph });
  expect(again.image.id).toBe(image.id);
  expect(again.steps.filter((step) => !step.includes(" FROM "))).toEqual([
    "cached [make 2/3] COPY a /a",
    "cached [make 3/3] RUN cat /a > /b",
    "cached [stage-1 1/1] COPY --from=make /b /c/",
    "done exporting to image",
  ]);
  const failure = run(context, { graph: { good: graph, bad: made.run("false") }, target: "bad" });
  await expect(failure).rejects.toMatchObject({ source: { name: import.meta.filename }, exitCode: 1 });
  expectNothingLeft();
});
