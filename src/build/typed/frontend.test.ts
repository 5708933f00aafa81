import { expect, expectTypeOf, test } from "vitest";
import { openLinter } from "../../dockerfile/linter.ts";
import { parseDockerfile } from "../../dockerfile/parse.ts";
import { digestOf } from "../../oci/digest.ts";
import type { DockerfileSource } from "../build-error.ts";
import { dockerfileFrontend } from "../dockerfile/frontend.ts";
import { parseEntitlements } from "../entitlements.ts";
import type { Frontend } from "../frontend.ts";
import { type Lowered, type LowerOptions, lower } from "../lower.ts";
import { parseContexts } from "../named-contexts.ts";
import { typedFrontend } from "./frontend.ts";
import type { BuildGraph, BuildInputs } from "./graph.ts";
import { bind, cache, type Mount, secret, ssh, tmpfs } from "./mounts.ts";
import { context, file, from, type Stage, scratch } from "./stage.ts";

const source: DockerfileSource = { name: "frontend.test.ts", text: "", path: import.meta.filename };
const platform = { os: "linux", architecture: "amd64" };

function options(more: Partial<LowerOptions> = {}): LowerOptions {
  return {
    linter: openLinter([]),
    ignores: () => false,
    buildArgs: new Map(),
    platform,
    network: "default",
    allowsHostNetwork: true,
    entitlements: parseEntitlements(["security.insecure"]),
    resolveImage: async (name) => ({
      id: digestOf(name),
      chainID: digestOf("layer"),
      name: `docker.io/library/${name}:latest`,
      config: {
        ...platform,
        config: { Env: ["PATH=/bin"], Cmd: ["sh"], ...(name === "trigger" ? { OnBuild: ["COPY a /b"] } : {}) },
        rootfs: { type: "layers", diff_ids: [digestOf("layer")] },
      },
    }),
    ...more,
  };
}

function fromProgram(graph: BuildGraph, more: Partial<LowerOptions> = {}): Promise<Lowered> {
  return lower(typedFrontend(graph, source), options(more));
}

/** What an image and its cache keys are made of: everything but what progress shows, and lines. */
async function essence(frontend: Frontend, more: Partial<LowerOptions>): Promise<unknown> {
  const { graph, output, image } = await lower(frontend, options(more));
  return { output, image, vertices: [...graph.keys()], args: [...graph.values()].map(({ args }) => args) };
}

const builder = from("golang", { name: "builder" }).workdir("/src").copy(".", ".").run("go build -o /out/app");

/** Each stage beside the Dockerfile that says the same. */
const table: readonly [dockerfile: string, graph: BuildGraph, more?: Partial<LowerOptions>][] = [
  ["FROM busybox", from("busybox")],
  ["FROM scratch\nCOPY a b /c/", scratch().copy(["a", "b"], "/c/")],
  ["FROM busybox\nRUN echo '$A' \"b\"", from("busybox").run(`echo '$A' "b"`)],
  ['FROM busybox\nRUN ["a", "b c"]', from("busybox").run(["a", "b c"])],
  ["FROM busybox\nRUN <<EOF\nset -e\nmake\nEOF", from("busybox").run("set -e\nmake\n")],
  [
    "FROM busybox\nRUN --network=none --security=insecure true",
    from("busybox").run("true", { network: "none", security: "insecure" }),
  ],
  [
    "FROM golang AS builder\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app\nFROM scratch\nCOPY --from=builder /out /\n",
    scratch().copy("/out", "/", { from: builder }),
  ],
  [
    "FROM golang AS builder\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app\nFROM builder AS test\nENTRYPOINT x\n",
    { test: from(builder).entrypoint("x"), other: scratch() },
    { target: "test" },
  ],
  [
    "FROM busybox\nCOPY --from=alpine --chown=1:2 --chmod=0640 --exclude=*.o --parents /a /b",
    from("busybox").copy("/a", "/b", {
      ...{ from: "alpine", chown: "1:2", chmod: "0640", exclude: ["*.o"] },
      parents: true,
    }),
  ],
  ["FROM busybox\nCOPY --chmod=u=rwX a b", from("busybox").copy("a", "b", { chmod: "u=rwX" })],
  ["FROM busybox\nCOPY --chmod=755 a b", from("busybox").copy("a", "b", { chmod: 0o755 })],
  ["FROM busybox\nCOPY <<x /y/\nhello $A\nx\n", from("busybox").copy(file("x", "hello \n"), "/y/")],
  [
    `FROM busybox\nADD --checksum=${digestOf("x")} --unpack https://host/a.tar /b`,
    from("busybox").add("https://host/a.tar", "/b", { checksum: digestOf("x"), unpack: true }),
  ],
  [
    "FROM busybox\nADD --keep-git-dir https://host/r.git#v1:sub /b",
    from("busybox").add("https://host/r.git#v1:sub", "/b", { keepGitDir: true }),
  ],
  [
    "FROM busybox\nENV A=1 PATH=/x:$PATH\nLABEL b=$A a=2",
    from("busybox")
      .env(({ PATH }) => ({ A: "1", PATH: `/x:${PATH}` }))
      .label(({ A }) => ({ b: `${A}`, a: "2" })),
  ],
  ["FROM busybox\nARG V=1\nARG W\nRUN true", from("busybox").arg("V", "1").arg("W").run("true")],
  [
    "FROM busybox\nARG V=1\nARG TARGETARCH\nRUN true",
    from("busybox").arg("V", "1").arg("TARGETARCH").run("true"),
    { buildArgs: new Map([["V", "2"]]) },
  ],
  [
    'FROM busybox\nUSER 1\nEXPOSE 80 53/udp\nVOLUME /a /b\nSTOPSIGNAL SIGINT\nSHELL ["a", "-c"]\nCMD x\nENTRYPOINT ["y"]',
    from("busybox")
      .user("1")
      .expose(80, "53/udp")
      .volume("/a", "/b")
      .stopSignal("SIGINT")
      .shell(["a", "-c"])
      .cmd("x")
      .entrypoint(["y"]),
  ],
  [
    "FROM busybox\nHEALTHCHECK --interval=1.5s --start-period=2m --retries=3 CMD true",
    from("busybox").healthcheck("true", { interval: "1.5s", startPeriod: "2m", retries: 3 }),
  ],
  ["FROM busybox\nHEALTHCHECK NONE", from("busybox").healthcheck(false)],
  ["FROM --platform=linux/arm64 busybox\nRUN x", from("busybox", { platform: "linux/arm64" }).run("x")],
  ["FROM trigger\nRUN x", from("trigger").run("x")],
  [
    "FROM busybox\nMAINTAINER A B <c>\nRUN <<s\n#!/bin/x\ny\ns\n",
    from("busybox").maintainer("A B <c>").run(file("s", "#!/bin/x\ny\n")),
  ],
  [
    "FROM busybox\nONBUILD COPY . /src\nONBUILD RUN make $A\nONBUILD ENV PATH=/x:$PATH",
    from("busybox")
      .onBuild((stage) => stage.copy(".", "/src").run("make $A"))
      .onBuild("ENV PATH=/x:$PATH"),
  ],
  [
    "FROM busybox AS a\nONBUILD COPY . /src\nONBUILD ENV PATH=/x:$PATH\nFROM a\nRUN make",
    from(from("busybox").onBuild("COPY . /src").onBuild("ENV PATH=/x:$PATH")).run("make"),
  ],
  [
    `FROM golang AS builder
WORKDIR /src
COPY . .
RUN go build -o /out/app
FROM busybox
WORKDIR /w
RUN --mount=target=. --mount=from=builder,source=/out,target=/b,rw --mount=type=cache,target=/c \
  --mount=type=cache,id=d,target=d,sharing=locked,mode=0700,uid=1,gid=2,from=alpine,source=/s,ro \
  --mount=type=secret,id=e --mount=type=secret,id=f,env=F,required --mount=type=secret,id=g,env=,mode=0444 \
  --mount=type=ssh --mount=type=ssh,id=h,target=/h --mount=type=tmpfs,target=/i,size=1024 true`,
    from("busybox")
      .workdir("/w")
      .run("true", {
        mounts: [
          bind("."),
          bind("/b", { from: builder, source: "/out", writable: true }),
          cache("/c"),
          cache("d", {
            ...{ id: "d", sharing: "locked", mode: 0o700, uid: 1, gid: 2 },
            ...{ from: "alpine", source: "/s", readOnly: true },
          }),
          secret("e"),
          secret("f", { env: "F", required: true }),
          secret("g", { env: true, mode: "0444" }),
          ssh(),
          ssh("h", { target: "/h" }),
          tmpfs("/i", { size: 1024 }),
        ],
      }),
  ],
  [
    "FROM shared\nCOPY --from=shared a b",
    from(context("shared")).copy("a", "b", { from: context("shared") }),
    { contexts: parseContexts({ shared: import.meta.dirname }) },
  ],
  [
    "FROM busybox AS base\nRUN x",
    from("busybox", { name: "base" }).run("x"),
    { contexts: parseContexts({ base: "docker-image://debian" }) },
  ],
];

test.each(table)("a stage is what the Dockerfile says: %s", async (dockerfile, graph, more = {}) => {
  const expected = await essence(dockerfileFrontend(parseDockerfile(dockerfile)), more);
  expect(await essence(typedFrontend(graph, source), more)).toEqual(expected);
});

/** What a stage does, in a trigger and done at once. */
const triggers: readonly [name: string, steps: (stage: Stage) => Stage, more?: Partial<LowerOptions>][] = [
  ["a command", (stage) => stage.run(`echo '$A' "b" \\x`)],
  ["a command of one word in quotes", (stage) => stage.run('"a"').run(["<<x", 'b "c"', "\\", "d\ne"])],
  ["a command of several lines", (stage) => stage.run('set -e\n\n# $A "b"\nEOF\ncat <<x\ny\nx\n')],
  ["a command with a here-document's mark", (stage) => stage.run("cat <<EOF > x\nEOF\n")],
  ["a command that looks like a list or a flag", (stage) => stage.run('["a"]\n').run("--x\n").run("# x\n")],
  ["a script", (stage) => stage.run(file("s", "#!/bin/x\n$A\n"))],
  [
    "a command with flags",
    (stage) =>
      stage.workdir("/w").run("true", {
        network: "none",
        security: "insecure",
        mounts: [
          bind(".", { from: "alpine" }),
          bind("/b", { source: "/s", writable: true }),
          cache("d", { id: "d", sharing: "locked", mode: 0o700, uid: 1, gid: 2, from: "alpine", readOnly: true }),
          secret("e"),
          secret("f", { env: "F", required: true }),
          secret("g", { env: true, mode: "0444" }),
          ssh("h", { target: "/h" }),
          tmpfs("/i", { size: 1024 }),
        ],
      }),
  ],
  [
    "copies",
    (stage) =>
      stage
        .copy(["a", "b*"], "/c/")
        .copy(["a b", "$A", "'q'", '"r"', "[s]", "\\*"], "/d $A/")
        .copy("--x", "<<y")
        .copy("/a", "/b", { from: "alpine", chown: "1:2", chmod: "u=rwX", exclude: ["*.o", "x"], parents: true })
        .copy(file("x", 'hello $A "b" \\\n'), "/y/"),
  ],
  [
    "a copy of a context",
    (stage) => stage.copy("a", "b", { from: context("shared") }),
    { contexts: parseContexts({ shared: import.meta.dirname }) },
  ],
  [
    "additions",
    (stage) =>
      stage
        .add("https://host/a.tar", "/b", { checksum: digestOf("x"), unpack: true })
        .add("https://host/r.git#v1:sub", "/b", { keepGitDir: false }),
  ],
  [
    "values",
    (stage) =>
      stage
        .env({ A: "1", B: " $A \"b\" \\ 'c' ", C: "", D: "-x=[#" })
        .label({ "a.b": "x y", c: "$A" })
        .arg("V", "$A b")
        .arg("W")
        .user("$A b")
        .workdir("/a b/$A ")
        .run("true"),
    { buildArgs: new Map([["W", "2"]]) },
  ],
  [
    "settings of containers",
    (stage) =>
      stage
        .expose(80, "53/udp", "8000-8010")
        .volume("/a", "/b $A")
        .stopSignal("SIGINT")
        .shell(["a", "-c"])
        .cmd('x "y" $A')
        .entrypoint(["y", "z"])
        .healthcheck("a | b", { interval: "1.5s", timeout: "1ms", startPeriod: "2m", startInterval: "1h", retries: 3 }),
  ],
  ["a check that is a list, and none", (stage) => stage.healthcheck(["a", "b c"]).healthcheck(false)],
];

test.each(triggers)("what a trigger does is what the step does: %s", async (_name, steps, more = {}) => {
  const made = await essence(typedFrontend(steps(from("busybox")), source), more);
  expect(await essence(typedFrontend(from(from("busybox").onBuild(steps)), source), more)).toEqual(made);
});

test("a command of several lines ends with a line end in a trigger, and one that looks like a program's name is a comment", async () => {
  const [lines, comment] = ["set -e\nmake", "#!/bin/x\n"];
  const made = await essence(typedFrontend(from("busybox").run(`${lines}\n`).run(` ${comment}`), source), {});
  const base = from("busybox").onBuild((stage) => stage.run(lines).run(comment));
  expect(await essence(typedFrontend(from(base), source), {})).toEqual(made);
});

test.each<[what: string, steps: string | ((stage: Stage) => Stage), message: string]>([
  [
    "a stage as a source",
    (stage) => stage.copy("a", "b", { from: builder }),
    "a trigger can't have a stage of this build",
  ],
  [
    "variables that nobody knows",
    (stage) => stage.env(({ PATH }) => ({ PATH: `/x:${PATH}` })),
    "a trigger can't have ENV of",
  ],
  ["what is one command's own", (stage) => stage.run("x", { user: "1" }), "a trigger can't have `user` of one command"],
  [
    "a file without a last line end",
    (stage) => stage.copy(file("a", "b"), "/"),
    "a trigger can't have a file whose last line",
  ],
  ["a line end in a value", (stage) => stage.env({ A: "b\nc" }), "a trigger can't have a value with a line end"],
  ["several lines of CMD", (stage) => stage.cmd("a\nb"), "a trigger can't have the command"],
  [
    "a comma in a mount",
    (stage) => stage.run("x", { mounts: [cache("/a,b")] }),
    "a trigger can't have target of a mount",
  ],
  ["a path with white space around it", (stage) => stage.volume("/a "), "a trigger can't have a path with white space"],
  [
    "a command that ends with a backslash",
    (stage) => stage.run("a\nb\\"),
    "a trigger can't have a command with `\\` at",
  ],
  ["a trigger of a trigger", (stage) => stage.onBuild("RUN x"), "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ["an author", (stage) => stage.maintainer("x"), "MAINTAINER isn't allowed as an ONBUILD trigger"],
  ["what is no instruction", "MAKE x", "unknown instruction: MAKE"],
  ["several instructions", "RUN x\nRUN y", "onbuild trigger should be a single expression"],
])("no trigger is %s", (_what, steps, message) => {
  expect(() => from("busybox").onBuild(steps)).toThrow(message);
});

test("nothing is expanded, quoted or parsed: values go through as they are", async () => {
  const odd = '$A "b" \\ \n# c';
  const { image, graph, output } = await fromProgram(
    from("busybox").env({ A: "1" }).label({ odd }).env({ odd }).run(odd),
  );
  expect(image.config).toMatchObject({ Labels: { odd }, Env: ["PATH=/bin", "A=1", `odd=${odd}`] });
  expect(graph.get(output)?.op).toMatchObject({ args: ["/bin/sh", "-c", odd] });
});

test("user, directory and variables of one command are its own", async () => {
  const stage = from("busybox")
    .workdir("/a")
    .run("x", { user: "1", cwd: "b", env: { PATH: "/y", V: "1" } });
  const { image, graph, output } = await fromProgram(stage);
  expect(graph.get(output)?.op).toMatchObject({ user: "1", cwd: "/a/b", env: ["PATH=/y", "V=1"] });
  expect(image.config).toMatchObject({ WorkingDir: "/a", Env: ["PATH=/bin"] });
  expect(image.config.User).toBeUndefined();
});

test("a stage never changes: several go on from one, and share what is equal", async () => {
  const base = from("busybox").run("base");
  const left = base.run("left");
  const right = base.run("right").copy("/l", "/", { from: left });
  const { graph } = await fromProgram({ left, right }, { target: "right" });
  expect([...graph.values()].map(({ name }) => name)).toEqual([
    "[right 1/4] FROM docker.io/library/busybox:latest",
    "[right 2/4] RUN base",
    "[right 3/4] RUN right",
    "[left 3/3] RUN left",
    "[right 4/4] COPY --from=left /l /",
  ]);
  expect(base.definition.steps).toHaveLength(1);

  const given = { argv: ["a"] as [string, ...string[]], env: { A: "1" } };
  const stage = from("busybox").env(given.env).run(given.argv);
  given.argv.push("b");
  given.env.A = "2";
  const { graph: vertices, output } = await fromProgram(stage);
  expect(vertices.get(output)?.op).toMatchObject({ args: ["a"], env: ["PATH=/bin", "A=1"] });
});

test("a function is called for each platform, with the build's arguments", async () => {
  const graph = ({ platform, buildPlatform, arg }: BuildInputs): Stage =>
    from(arg("BASE", "busybox"), { platform: buildPlatform }).run(`build ${platform} ${arg("UNSET") ?? "-"}`);
  const arm64 = { os: "linux", architecture: "arm64" };
  const more = { platform: arm64, buildPlatform: platform, buildArgs: new Map([["BASE", "alpine"]]) };
  const { graph: vertices, warnings, plan } = await fromProgram(graph, more);
  expect([...vertices.values()].map(({ name }) => name)).toEqual([
    "[1/2] FROM docker.io/library/alpine:latest",
    "[2/2] RUN build linux/arm64 -",
  ]);
  expect(warnings).toEqual([]);
  expect(plan.asked.map(({ name, value }) => `${name}=${value}`)).toEqual(["BASE=alpine", "UNSET="]);
});

test("build arguments that nothing asks for are told of", async () => {
  const { warnings } = await fromProgram(from("busybox").arg("V"), {
    buildArgs: new Map(Object.entries({ V: "1", W: "2" })),
  });
  expect(warnings).toEqual(["One or more build-args [W] were not consumed"]);
});

test("errors and warnings have the line of the call in the file that is built, through others too", async () => {
  const wrong = from("busybox").env({ API_KEY: "x" }).stopSignal("NONE");
  const [warned, failed] = wrong.definition.steps.map(({ places }) => places[0]);
  expect([warned?.file, failed?.file]).toEqual([import.meta.filename, import.meta.filename]);

  const linter = openLinter([]);
  const message = "invalid signal: NONE";
  await expect(fromProgram(wrong, { linter })).rejects.toMatchObject({ message, span: { start: failed?.line } });
  expect(linter.diagnostics).toMatchObject([{ rule: "SecretsUsedInArgOrEnv", span: { start: warned?.line } }]);

  const caller = wrong.definition.steps[1]?.places[1];
  const inCaller = lower(typedFrontend(wrong, { ...source, path: caller?.file ?? "" }), options());
  await expect(inCaller).rejects.toMatchObject({ message, span: { start: caller?.line } });
  const nowhere = lower(typedFrontend(wrong, { ...source, path: "/elsewhere.ts" }), options());
  await expect(nowhere).rejects.toMatchObject({ message, span: undefined });
});

test.each<[what: string, graph: BuildGraph, message: string, target?: string]>([
  ["a target that isn't there", { app: scratch() }, 'target stage "ap" could not be found (did you mean app?)', "ap"],
  ["no target among several", { a: scratch(), b: scratch() }, "there are several stages to build: a, b"],
  ["no stage", {}, "frontend.test.ts has no stage"],
  ["a function that throws", { a: () => Promise.reject(new Error("why")) }, "a: why"],
  ["an unknown context", from(context("x")), 'no build context is named "x"'],
  ["an unknown context as a source", from("a").copy("a", "b", { from: context("x") }), 'no build context is named "x"'],
  ["a platform that is none", from("a", { platform: "x/y/z/a" }), "failed to parse platform x/y/z/a"],
  ["a variable without a name", from("a").env({ "": "x" }), "ENV names can not be blank"],
  ["a variable whose name has a =", from("a").env({ "A=B": "x" }), `a variable can't be called "A=B": it has a =`],
  ["an argument without a name", from("a").arg(""), "ARG names can not be blank"],
  ["a source that COPY can't fetch", from("a").copy("https://a/b", "c"), "source can't be a URL for COPY"],
])("%s is refused", async (_what, graph, message, target = "") => {
  await expect(fromProgram(graph, { target })).rejects.toThrow(message);
});

test("what can't be right is refused where it is written", () => {
  expect(() => from("a", { name: "1x" })).toThrow("invalid name for build stage");
  expect(() => from("a").copy("b", "c", { chmod: 0o10000 })).toThrow("4096 is no mode of a file");
  expect(() => from("a").healthcheck("b", { interval: "-5s" })).toThrow('Interval "interval" cannot be less than 1ms');
  expect(() => from("a").healthcheck("b", { retries: 0.5 })).toThrow("a check can't be tried 0.5 times");
  expect(() => cache("/c", { mode: 0o10000 })).toThrow("4096 is no mode of a file");
});

test("the types allow what there is, and nothing else", () => {
  expectTypeOf(from("a").run("b").copy("c", "d")).toEqualTypeOf<Stage>();
  expectTypeOf(cache("/c")).toEqualTypeOf<Mount>();
  expectTypeOf<() => Promise<Stage>>().toExtend<BuildGraph>();
  // Never called: each line below is one that must not compile.
  const wrong = (stage: Stage): readonly unknown[] => [
    // @ts-expect-error: a program has a name
    stage.run([]),
    // @ts-expect-error: there is no such network
    stage.run("a", { network: "bridge" }),
    // @ts-expect-error: a mount is no text
    stage.run("a", { mounts: ["type=cache,target=/c"] }),
    // @ts-expect-error: something is copied
    stage.copy([], "/"),
    // @ts-expect-error: what is copied has no checksum
    stage.copy("a", "b", { checksum: "sha256:0" }),
    // @ts-expect-error: what is added comes from no stage
    stage.add("a", "b", { from: stage }),
    // @ts-expect-error: values are texts
    stage.env({ A: 1 }),
    // @ts-expect-error: a time has a unit
    stage.healthcheck("a", { interval: "30" }),
    // @ts-expect-error: a cache is shared in one of three ways
    cache("/c", { sharing: "alone" }),
    // @ts-expect-error: a secret is never shared
    secret("s", { sharing: "shared" }),
    // @ts-expect-error: at least one port
    stage.expose(),
    // @ts-expect-error: a stage is given whole
    stage.copy("a", "b", { from: { name: "builder" } }),
  ];
  expect(wrong).toBeInstanceOf(Function);
});
