// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the program's
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import type { Outcome } from "../support/program.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const dockerfile = `FROM busybox AS make
WORKDIR /src
COPY greeting .
RUN cat greeting > out && echo "made" >> out
FROM busybox
ARG VERSION=1
COPY --from=make --chmod=600 /src/out /out
RUN --mount=type=cache,target=/cache --mount=from=make,source=/src,target=/made cat /made/greeting > /again
ENV VERSION=$VERSION
CMD ["cat", "/out", "/again"]
`;

const program = `import { bind, cache, from } from "berth-engine";

const make = from("busybox", { name: "make" })
  .workdir("/src")
  .copy("greeting", ".")
  .run('cat greeting > out && echo "made" >> out');

export const app = from("busybox")
  .arg("VERSION", "1")
  .copy("/src/out", "/out", { from: make, chmod: 0o600 })
  .run("cat /made/greeting > /again", { mounts: [cache("/cache"), bind("/made", { from: make, source: "/src" })] })
  .env(({ VERSION }) => ({ VERSION: \`\${VERSION}\` }))
  .cmd(["cat", "/out", "/again"]);

export const broken = ({ arg }: { arg: (name: string) => string | undefined }) =>
  app
    .env({ API_TOKEN: "x" })
    .run(\`exit \${arg("CODE")}\`);
`;

const typed = ["-f", "build.ts", "--target", "app"];

/** A directory with both, to run \`berth\` in. */
async function project(
  files: Readonly<Record<string, string>> = {},
): Promise<(...args: readonly string[]) => Promise<Outcome>> {
  const all = { Dockerfile: dockerfile, "build.ts": program, greeting: `${randomUUID()}\n`, ...files };
  const cwd = await berth.files(randomUUID(), all);
  return (...args) => berth.run(args, { cwd });
}

test("after the same Dockerfile every step of a program is cached, and the image is the same one", async () => {
  const run = await project();
  const first = await run("build", "-q", ".");
  expect(first).toMatchObject({ code: 0 });
  const { stderr } = await run("build", "--progress", "plain", ...typed, "-t", "typed", ".");
  expect(stderr).toContain(` => => writing image ${first.stdout.trim()}\n`);
  const outcomes = stderr.matchAll(/^#(\d+) \[(?:make|app) .*\] (?!FROM).*\n#\1 (\w+)/gm);
  expect([...outcomes].map(([, , outcome]) => outcome)).toEqual(Array(5).fill("CACHED"));
  expect((await run("run", "--rm", "--network", "none", "typed")).stdout).toMatch(/^(.*)\nmade\n\1\n$/);
  // What a record says runs no program: somebody has to name it.
  expect(await run("verify", "-q", "typed")).toMatchObject({ stderr: expect.stringContaining("-f FILE is missing") });
  expect(await run("verify", "-q", "-f", "build.ts", "typed")).toMatchObject({ code: 0 });
  // The other way round, with a build argument.
  const version = ["--build-arg", "VERSION=2"];
  const other = await run("build", "-q", ...typed, ...version, ".");
  expect(other.stdout).not.toBe(first.stdout);
  expect((await run("build", "-q", ...version, ".")).stdout).toBe(other.stdout);
});

test("triggers of a program's image run in what a Dockerfile and a program build on it, and are the Dockerfile's", async () => {
  const run = await project({
    "base.ts": `import { cache, from } from "berth-engine";
export const base = from("busybox")
  .onBuild((stage) => stage.copy("greeting", "/a b/").run(["cp", "/a b/greeting", "/c"], { mounts: [cache("/cache")] }))
  .onBuild("ENV PATH=/x:$PATH")
  .onBuild((stage) => stage.env({ Q: "$A 'b'" }).run("set -e\\necho $Q > /q\\n"));
`,
    "Dockerfile.base": `FROM busybox
ONBUILD COPY ["greeting", "/a b/"]
ONBUILD RUN --mount=type=cache,target=/cache ["cp", "/a b/greeting", "/c"]
ONBUILD ENV PATH=/x:$PATH
ONBUILD ENV Q="\\$A 'b'"
ONBUILD RUN <<"EOF"
set -e
echo $Q > /q
EOF
`,
    "app.ts": 'import { from } from "berth-engine";\nexport const app = from("triggers").cmd(["cat", "/c", "/q"]);\n',
    "Dockerfile.app": 'FROM triggers\nCMD ["cat", "/c", "/q"]\n',
  });
  const ids: (readonly string[])[] = [];
  for (const file of ["base.ts", "Dockerfile.base"]) {
    const base = await run("build", "-q", "-f", file, "-t", "triggers", ".");
    const app = await run("build", "-q", "-f", "app.ts", "-t", "triggered", ".");
    const other = await run("build", "-q", "-f", "Dockerfile.app", ".");
    ids.push([base, app, other].map(({ stdout, stderr }) => stdout + stderr));
  }
  const [base, app, other] = ids[0] ?? [];
  expect(ids[1]).toEqual(ids[0]);
  expect(app).toBe(other);
  expect(base).toMatch(/^sha256:/);
  expect((await run("run", "--rm", "--network", "none", "triggered")).stdout).toMatch(/^.+\n\$A 'b'\n$/);
});

test("failures, warnings and reasons have the program's lines", async () => {
  const run = await project();
  const failed = await run("build", "-f", "build.ts", "--target", "broken", "--build-arg", "CODE=7", ".");
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("did not complete successfully: exit code: 7");
  expect(failed.stderr).toMatch(/^build\.ts:18\n/m);
  expect(failed.stderr).toContain('>>>     .run(`exit ${arg("CODE")}`);\n');
  expect(failed.stderr).toContain('(ENV "API_TOKEN") (line 17)\n');
  const why = await run("why", "^0");
  expect(why.stdout).toMatch(/RUN exit 7 +\(line 18\)\n/);
  const shell = await run("build", "shell", "--", "cat", "/out");
  expect(shell).toMatchObject({ code: 0, stdout: expect.stringContaining("made\n") });
});

test("questions are answered without a build, and a definition of bake has the library, too", async () => {
  const definition = 'import { defineBake } from "berth-engine";\nexport default defineBake({ targets: { a: {} } });\n';
  const run = await project({ "bake.ts": definition });
  expect(await run("bake", "-f", "bake.ts", "--print", "a")).toMatchObject({ code: 0 });
  expect((await run("build", "-f", "build.ts", "--call", "targets", ".")).stdout).toBe(
    "TARGET DESCRIPTION\napp    \nbroken \n",
  );
  const outline = await run("build", "-f", "build.ts", "--target", "broken", "--call", "outline", ".");
  expect(outline.stdout.replaceAll(/ +/g, " ")).toContain("\nVERSION 1 \nCODE \n");
  const check = await run("build", "-f", "build.ts", "--check", ".");
  expect(check).toMatchObject({ code: 1, stdout: expect.stringContaining("\nbuild.ts:17\n") });
  const plan = await run("build", ...typed, "--plan", ".");
  expect(plan.stdout).toMatch(/RUN cat greeting > out && echo "made" >> out +6 +run after a step that does/);
});

test("what can't be is refused with a sentence", async () => {
  const run = await project({
    "default.ts": "export default 1;\n",
    "none.ts": "export const a = 1;\n",
    "throws.ts": 'throw new Error("own trouble");\n',
    "docker-bake.hcl": 'target "default" { dockerfile = "build.ts" }\n',
    "Dockerfile.js": "FROM busybox\n",
  });
  const table: readonly (readonly [message: string, ...args: string[]])[] = [
    ["there are several stages to build: app, broken\n", "build", "-f", "build.ts", "."],
    ["default.ts has a default export", "build", "-f", "default.ts", "."],
    ["none.ts exports no stage\n", "build", "-f", "none.ts", "."],
    ["failed to load throws.ts: own trouble\n", "build", "-f", "throws.ts", "."],
    ["open gone.ts: no such file or directory\n", "build", "-f", "gone.ts", "."],
    ["--fix mends Dockerfiles", "build", ...typed, "--check", "--fix", "."],
    ["--watch builds, which --plan, --check and --call don't", "build", ...typed, "--watch", "--check", "."],
    ["build.ts is a program, which a definition can't run\n", "bake"],
  ];
  for (const [message, ...args] of table) {
    const { code, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
  }
  expect(await run("build", "-q", "-f", "Dockerfile.js", ".")).toMatchObject({ code: 0 });
});

test("the project's own image is built with it, and runs", async () => {
  await berth.out(["import", baseArchives().debian, "debian:bookworm-slim"]);
  const cwd = join(import.meta.dirname, "../..");
  const libraries = `libraries=/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  const built = ["build", "-q", "-f", "examples/image.ts", "--build-context", libraries, "-t", "own", "."];
  await berth.out(built, { cwd });
  const { stdout } = await berth.run(["run", "--rm", "--network", "none", "own", "version"]);
  expect(stdout).toContain(` NodeVersion:   ${process.version}\n`);
});
