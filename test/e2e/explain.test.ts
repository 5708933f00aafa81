import { hash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { openRegistry } from "../support/registry.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

type Files = Readonly<Record<string, string>>;

/** A build that can be changed and repeated: a context of its own. */
function project(initial: Files) {
  const name = randomUUID();
  const directory = join(berth.directory, name);
  const write = (files: Files) => berth.files(name, files);
  return {
    path: (file: string) => join(directory, file),
    write,
    build: async (...args: readonly string[]) => {
      await write({});
      return await berth.run(["build", "--network", "none", "--progress", "plain", ...args, directory]);
    },
    start: async (...args: readonly string[]) => berth.start(["build", "--network", "none", ...args, directory]),
    ready: write(initial),
  };
}

async function opened(initial: Files) {
  const opening = project(initial);
  await opening.ready;
  expect((await opening.build()).code).toBe(0);
  return opening;
}

/** What `why` says of the newest build, by step: its first line and what follows. */
async function why(...args: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const text = await berth.out(["why", ...(args.length === 0 ? ["^0"] : args)]);
  const [, ...steps] = text.split(/^(?=\[|stage )/m);
  return new Map(
    steps.map((step) => {
      const [head = "", ...lines] = step.trimEnd().split("\n");
      return [
        head.replace(/^\[\S* ?\d+\/\d+\] | {2}\(lines? [\d-]+\)$/g, ""),
        lines.map((line) => line.trim()).join("\n"),
      ];
    }),
  );
}

const took = /\d+\.\ds/g;
const saying = async (step: string): Promise<string> => ((await why()).get(step) ?? "").replaceAll(took, "Ts");

describe("of each step that ran the first input that differs is named", () => {
  test("files of the context, with their paths, and the steps that they took along", async () => {
    const dockerfile = "FROM busybox\nCOPY one /one\nCOPY src /src\nRUN cat /src/a\nRUN true\nCOPY one /two\n";
    const app = await opened({ Dockerfile: dockerfile, one: "1", "src/a": "1", "src/b": "1", "src/deep/c": "1" });
    await app.write({ "src/a": "2", "src/new": "1" });
    chmodSync(app.path("src/deep/c"), 0o755);
    rmSync(app.path("src/b"));
    const { stderr } = await app.build("--explain");
    const steps = await why();
    expect([...steps.keys()]).toEqual([
      "COPY one /one",
      "COPY src /src",
      "RUN cat /src/a",
      "RUN true",
      "COPY one /two",
    ]);
    expect(steps.get("COPY one /one")).toBe("cached: its result was there");
    expect(await saying("COPY src /src")).toBe(
      `ran Ts
because files are others: 2 changed, 1 added, 1 removed
changed  src/a  (content)
changed  src/deep/c  (mode 0644 -> 0755)
added    src/new
removed  src/b
it took along:
[4/6] RUN cat /src/a  (Ts)
[5/6] RUN true  (Ts)
[6/6] COPY one /two  (Ts)`,
    );
    expect(await saying("RUN true")).toBe("ran Ts\nonly because [4/6] RUN cat /src/a ran");
    expect(stderr).toContain("because files are others: 2 changed, 1 added, 1 removed");
    const only = await berth.out(["why", "^0", "3"]);
    expect(only).toMatch(/\[3\/6\]/);
    expect(only).not.toMatch(/^\[2\/6\]/m);
    expect((await berth.run(["why", "^0", "nosuch"])).stderr).toContain(
      'no step of the build has "nosuch" in its name',
    );
  });

  test("those of a bind mount", async () => {
    const Dockerfile = "FROM busybox\nRUN --mount=type=bind,source=in,target=/in cat /in/*\n";
    const app = await opened({ Dockerfile, "in/a": "1" });
    await app.write({ "in/b": "2" });
    await app.build();
    expect([...(await why()).values()][0]).toMatch(
      /because files in the mount \/in are others: 1 added\nadded {4}in\/b$/,
    );
  });

  test("the instruction with its old text and line, and one that is new", async () => {
    const app = await opened({ Dockerfile: "FROM busybox\nRUN echo one\nRUN echo two\n" });
    await app.write({ Dockerfile: "FROM busybox\n# here\nRUN echo other\nRUN echo two\nRUN echo three\n" });
    await app.build();
    expect(await saying("RUN echo other")).toBe(
      "ran Ts\nbecause the instruction changed; it was: RUN echo one (line 2)",
    );
    expect(await saying("RUN echo three")).toBe("ran Ts\nbecause the instruction is new");
  });

  test("arguments and variables by name; a value that may be a secret is not shown", async () => {
    const dockerfile = (value: string): string =>
      `FROM busybox\nARG VERSION=1\nARG API_TOKEN\nENV MODE=${value}\nRUN echo made >/made # $API_TOKEN\n`;
    const app = await opened({ Dockerfile: dockerfile("a") });
    const made = async (): Promise<string> => [...(await why()).values()][0]?.replaceAll(took, "Ts") ?? "";
    await app.build("--build-arg", "VERSION=2");
    expect(await made()).toContain('because the build argument VERSION changed: "1" -> "2"');
    await app.build("--build-arg", "VERSION=2", "--build-arg", "API_TOKEN=hush-hush");
    const told = await made();
    expect(told).toMatch(/because the build argument API_TOKEN is new: \(sha256:[0-9a-f]{12}\)/);
    expect(await berth.out(["builds", "inspect", "--format", "json"])).not.toContain("hush-hush");
    await app.write({ Dockerfile: dockerfile("b") });
    await app.build("--build-arg", "VERSION=2", "--build-arg", "API_TOKEN=hush-hush");
    expect(await made()).toContain('because the environment variable MODE changed: "a" -> "b"');
  });

  test("a secret by its id", async () => {
    const dockerfile = (id: string): string => `FROM busybox\nRUN --mount=type=secret,id=${id},target=/s true\n`;
    const app = await opened({ Dockerfile: dockerfile("one") });
    await app.write({ Dockerfile: dockerfile("two") });
    await app.build();
    // The instruction's own text names it, too.
    const [reason = ""] = (await why()).values();
    expect(reason).toContain("because the secret two is new");
  });

  test("the base image", async () => {
    await berth.out(["import", "-c", "ENV A=1", baseArchives().busybox, "base"]);
    const app = await opened({ Dockerfile: "FROM base\nRUN echo on base >/x\n" });
    await berth.out([
      "build",
      "--network",
      "none",
      "-q",
      "-t",
      "base",
      await berth.files("newer", { Dockerfile: "FROM base\nRUN echo >/newer\n" }),
    ]);
    await app.build();
    expect(await saying("RUN echo on base >/x")).toMatch(
      /^ran Ts\nbecause the image changed: FROM docker\.io\/library\/base:latest\nsha256:\w{12} -> sha256:\w{12}$/,
    );
  });

  test("no look-up, an earlier failure, a cache that was pruned, a build that is the first", async () => {
    const app = await opened({ Dockerfile: "FROM busybox\nCOPY a /a\nRUN test -s /a\n", a: "1" });
    expect(await saying("RUN test -s /a")).toBe("ran Ts\nbecause no earlier build that is recorded has come to it");
    await app.build("--no-cache");
    expect(await saying("RUN test -s /a")).toContain("because no result was looked up");
    await app.write({ a: "" });
    expect((await app.build()).code).toBe(1);
    expect(await saying("RUN test -s /a")).toMatch(/^failed Ts: process .*\nonly because \[2\/3\] COPY a \/a ran$/);
    await app.build();
    expect(await saying("RUN test -s /a")).toMatch(/because it failed in the build before/);
    await app.write({ a: "1" });
    await app.build();
    await berth.out(["builder", "prune", "-f"]);
    await app.build();
    expect(await saying("COPY a /a")).toContain("because its result isn't there any more");
  });
});

test("canceled, skipped and unneeded steps are called so, and the image leads to its build", async () => {
  const Dockerfile = "FROM busybox AS no\nRUN true\nFROM busybox\nRUN echo begun; sleep 100\nRUN true\n";
  const app = project({ Dockerfile });
  await app.ready;
  const building = await app.start("--progress", "plain");
  let seen = "";
  building.stderr?.on("data", (data: Buffer) => {
    seen += data.toString();
  });
  while (!/^#\d+ [\d.]+ begun/m.test(seen)) await sleep(20);
  building.kill("SIGINT");
  await once(building, "close");
  const steps = await why();
  expect(steps.get("RUN echo begun; sleep 100")).toMatch(/^canceled: it ran [\d.]+s and was stopped/);
  expect(steps.get("RUN true")).toBe("skipped: the build ended before it");
  expect(steps.get("stage no")).toBe("skipped: the target doesn't need it");

  await app.write({ Dockerfile: "FROM busybox\nRUN echo named >/named\n" });
  await app.build("-t", "named");
  const [id] = (await berth.out(["builds", "-q"])).split("\n");
  await opened({ Dockerfile: "FROM busybox\nRUN echo another >/x\n" });
  expect(await berth.out(["why", "named"])).toContain(`Build ${id} of `);
  const json = JSON.parse(await berth.out(["why", "--format", "json", "named"])) as { Ref: string; Steps: object[] };
  expect(json.Ref.startsWith(id ?? "?")).toBe(true);
  expect(json.Steps).toMatchObject([{ Name: "[2/2] RUN echo named >/named", StartLine: 2, Status: "ran" }]);
  expect((await berth.run(["why", "busybox"])).stderr).toContain("no build is recorded that made busybox");
  expect((await berth.run(["why", "nosuch"])).stderr).toContain("no build and no image is known as nosuch");
});

/** Every file below the root with the digest of its content, but for the index of the database's log, which each reader makes anew. */
function contentOf({ env }: Berth): ReadonlyMap<string, string> {
  const root = env["BERTH_ROOT"] ?? "";
  const all = readdirSync(root, { recursive: true, encoding: "utf8" }).toSorted();
  const names = all.filter((name) => name !== "metadata.db-shm");
  return new Map(
    names.map((name) => {
      const path = join(root, name);
      return [name, statSync(path).isFile() ? hash("sha256", readFileSync(path)) : "directory"];
    }),
  );
}

test("--plan says which steps will run and how long that took, and changes no byte of the store", async () => {
  const Dockerfile = `FROM busybox AS tool
COPY a /a
RUN cat /a >/b; sleep 0.3
FROM busybox
COPY kept /kept
COPY --from=tool /b /b
RUN cat /b
`;
  const app = await opened({ Dockerfile, a: "of the plan", kept: "1" });
  // The digest of a file that hasn't changed for a while is kept, but not by a plan.
  await app.write({
    a: "of the plan, too",
    Dockerfile: Dockerfile.replace("COPY a /a", "COPY --from=old store.md /\nCOPY a /a"),
  });
  const contexts = ["--build-context", `old=${join(import.meta.dirname, "../../docs")}`];
  const before = contentOf(berth);
  const { code, stdout } = await app.build(...contexts, "--plan");
  expect(code).toBe(0);
  expect(contentOf(berth)).toEqual(before);
  const rows = stdout.split("\n").filter((line) => line.startsWith("["));
  const expected = [
    "[stage-1 2/4] COPY kept /kept|6|be cached",
    "[tool 2/4] COPY --from=old store.md /|2|run|not known",
    "[tool 3/4] COPY a /a|3|run after a step that does|Ts (1 run)",
    "[tool 4/4] RUN cat /a >/b; sleep 0.3|4|run after a step that does|Ts (1 run)",
    "[stage-1 3/4] COPY --from=tool /b /b|7|run, unless what it reads from comes out as before|Ts (1 run)",
    "[stage-1 4/4] RUN cat /b|8|run after a step that does|Ts (1 run)",
  ];
  const shown = rows.map((row) => row.trimEnd().replace(/ {2,}/g, "|").replaceAll(took, "Ts"));
  expect(shown.toSorted()).toEqual(expected.toSorted());
  expect(stdout).toMatch(
    /\n4 of 6 steps will run, 1 may\nAbout [\d.]+s by earlier builds, and 1 step of which nothing is known,/,
  );
  await app.write({ Dockerfile });
  const plan = JSON.parse((await app.build("--plan=json")).stdout) as { Steps: { Will: string }[]; Estimate: number };
  expect(plan.Steps.map(({ Will }) => Will).toSorted()).toEqual(["cached", "may-run", "run", "run", "run"]);
  expect(plan.Estimate).toBeGreaterThan(3e8);

  const ran = await app.build();
  expect((ran.stderr.match(/ CACHED$/gm) ?? []).length).toBe(1);
  const done = await app.build("--plan");
  expect(done.stdout).toMatch(/\n0 of 5 steps will run\nNothing to do but to name the image\.\n$/);
  expect((await app.build("--plan", "--no-cache")).stdout).toContain("run: no result is looked up");
  await app.write({ Dockerfile: "FROM busybox\nCOPY nosuch /\n" });
  expect(await app.build("--plan")).toMatchObject({ code: 1, stderr: expect.stringContaining('"/nosuch": not found') });
});

test("--plan says what would be fetched, and fetches no layer", async () => {
  await using registry = await openRegistry();
  await using other = await openBerthWithBusybox();
  const name = `${registry.host}/team/base:1`;
  const files = { Dockerfile: "FROM busybox\nCOPY a /a\n", a: "of a base\n" };
  await other.out(["build", "-q", "--push", "-t", name, await other.files("base", files)]);
  const app = project({ Dockerfile: `FROM ${name}\nCOPY a /b\nRUN cat /a\n`, a: "1" });
  await app.ready;
  const before = contentOf(berth);
  const asked = registry.requests().length;
  const { code, stdout } = await app.build("--plan");
  expect(code).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`2 of 2 steps will run, [\\d.]+MB of ${name}@sha256:[0-9a-f]{64} to fetch \\(2 layers\\)`),
  );
  expect(contentOf(berth)).toEqual(before);
  const blobs = registry
    .requests()
    .slice(asked)
    .filter((line) => /^GET .*\/blobs\//.test(line));
  expect(new Set(blobs).size).toBe(1);
  expect((await app.build()).code).toBe(0);
  expect((await app.build("--plan")).stdout).toContain("0 of 2 steps will run\n");
});

test("--plan doesn't ask for what ADD fetches, and writes no cache", async () => {
  const app = project({ Dockerfile: "FROM busybox\nADD http://user:hush@127.0.0.1:1/x /x\n" });
  await app.ready;
  const cache = join(berth.directory, "no-cache");
  const before = contentOf(berth);
  const { code, stdout } = await app.build("--plan", "--cache-to", `type=local,dest=${cache}`);
  expect([code, stdout]).toEqual([0, expect.stringContaining("be asked for, and fetched where it changed")]);
  expect(stdout).not.toContain("hush");
  expect([contentOf(berth), existsSync(cache)]).toEqual([before, false]);
  const imported = await app.build("--plan", "--cache-from", "type=local,src=/nowhere");
  expect(imported).toMatchObject({ code: 1, stderr: expect.stringContaining("caches from elsewhere") });
  expect((await app.build()).code).toBe(1);
  expect(await berth.out(["builds", "inspect", "--format", "json"])).not.toContain("hush");
});

interface RawLine {
  readonly vertexes?: readonly {
    digest: string;
    name: string;
    started?: string;
    completed?: string;
    cached?: boolean;
  }[];
  readonly logs?: readonly { data: string }[];
  readonly warnings?: readonly { short: string; range?: readonly { start: { line: number } }[] }[];
  readonly statuses?: readonly { id: string }[];
}

test("--progress takes what buildx takes: rawjson, none, quiet, and the variable", async () => {
  const app = await opened({ Dockerfile: "FROM busybox\nRUN echo hello\nMAINTAINER me\n" });
  const { stderr } = await app.build("--progress", "rawjson", "--no-cache", "-t", "raw");
  const lines = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RawLine);
  const vertexes = lines.flatMap((line) => line.vertexes ?? []);
  const run = vertexes.filter(({ name }) => name === "[2/2] RUN echo hello");
  expect(run.map((vertex) => Object.keys(vertex))).toEqual([
    ["digest", "inputs", "name", "started"],
    ["digest", "inputs", "name", "started", "completed"],
  ]);
  const text = lines
    .flatMap(({ logs = [] }) => logs)
    .map(({ data }) => Buffer.from(data, "base64").toString())
    .join("");
  expect(text).toBe("hello\n");
  const warnings = lines.flatMap((line) => line.warnings ?? []);
  expect(Buffer.from(warnings[0]?.short ?? "", "base64").toString()).toMatch(/^MaintainerDeprecated: .*\(line 3\)$/);
  expect(lines.flatMap(({ statuses = [] }) => statuses).map(({ id }) => id)).toContain(
    "naming to docker.io/library/raw:latest",
  );

  const id = await berth.out(["inspect", "--format", "{{.Id}}", "raw"]);
  expect(await app.build("--progress", "none")).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(await app.build("--progress", "quiet")).toMatchObject({ code: 0, stdout: `${id}\n`, stderr: "" });
  expect((await app.build("-q", "--progress", "plain")).stderr).toContain(
    "progress=plain and quiet cannot be used together",
  );
  expect((await app.build("--progress", "tty")).stderr).toContain(
    "failed to get console: provided file is not a console",
  );
  expect((await app.build("--progress", "loud")).stderr).toContain("invalid progress mode loud");
  const context = app.path("");
  const shown = await berth.run(["build", context], { env: { BUILDKIT_PROGRESS: "rawjson" } });
  expect(JSON.parse(shown.stderr.split("\n")[0] ?? "")).toHaveProperty("vertexes");
});

test("--timeline writes a page complete in itself, of a build that failed as well, and of exports", async () => {
  const app = await opened({ Dockerfile: "FROM busybox\nRUN echo '<script>alert(1)</script>'\n" });
  const page = join(berth.directory, "page.html");
  await app.build("--timeline", page, "--output", `type=oci,dest=${join(berth.directory, "out.tar")}`);
  const html = readFileSync(page, "utf8");
  expect(html).toMatch(/^<!doctype html>\n[\s\S]*<\/html>\n$/);
  expect(html).toContain("default-src 'none'");
  expect(html).not.toMatch(/<script|src=|href=|url\(/);
  expect(html).toContain("&#60;script&#62;alert(1)");
  const rowOf = (name: string): string =>
    html.split("\n").find((line) => line.includes('class="row"') && line.includes(name)) ?? "";
  expect(rowOf("[2/2] RUN")).toContain('class="cached"');
  expect(rowOf("exporting to image")).toContain('class="exported"');
  expect(rowOf("exporting to oci image format")).toContain('class="exported"');
  expect(await berth.out(["builds", "timeline"])).toBe(html.trimEnd());

  await app.write({ Dockerfile: "FROM busybox\nRUN exit 4\nRUN true\n" });
  expect((await app.build("--timeline", page)).code).toBe(1);
  const failed = readFileSync(page, "utf8");
  expect(failed).toMatch(/class="failed"/);
  expect(failed).toMatch(/\[3\/3\] RUN true.*skipped/);
  const nowhere = await app.build("--timeline", join(berth.directory, "nosuch", "page.html"));
  expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining("failed to write the page") });
  writeFileSync(page, "kept");
  await berth.out(["builds", "timeline", "-o", page, "^1"]);
  expect(readFileSync(page, "utf8")).toContain("exporting to oci image format");
});
