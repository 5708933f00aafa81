import { expect, test } from "vitest";
import { openLinter } from "../dockerfile/linter.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { digestOf } from "../oci/digest.ts";
import type { RunConfig } from "../oci/image-config.ts";
import { dockerfileFrontend } from "./dockerfile/frontend.ts";
import { parseEntitlements } from "./entitlements.ts";
import { type Lowered, type LowerOptions, lower } from "./lower.ts";

const platform = { os: "linux", architecture: "amd64" };
const chainID = digestOf("layer");

function lowered(text: string, options: Partial<LowerOptions> & { readonly base?: RunConfig } = {}): Promise<Lowered> {
  const { base = { Env: ["PATH=/bin"], Cmd: ["sh"] }, ...rest } = options;
  return lower(dockerfileFrontend(parseDockerfile(text)), {
    linter: openLinter([]),
    ignores: () => false,
    buildArgs: new Map(),
    platform,
    network: "default",
    allowsHostNetwork: false,
    resolveImage: async (name) => ({
      id: digestOf(name),
      chainID,
      name: `docker.io/library/${name}:latest`,
      config: {
        ...platform,
        config: base,
        rootfs: { type: "layers", diff_ids: [chainID] },
        history: [{ created: "2020-01-01T00:00:00Z", created_by: "base" }],
      },
    }),
    ...rest,
  });
}

const names = ({ graph }: Lowered): readonly string[] => [...graph.values()].map(({ name }) => name);
const history = ({ image }: Lowered): readonly (string | undefined)[] =>
  image.history.map(({ entry, vertex }) => `${entry.created_by}${vertex === undefined ? "" : " +"}`);

test("a Dockerfile of one stage becomes a chain with BuildKit's names and history", async () => {
  const result = await lowered(
    `FROM busybox
ARG A=b
ENV GREETING="hello world" X=\${A}
WORKDIR /app
COPY --chown=1:2 hello.sh .
RUN echo $GREETING '$A'
RUN ["/bin/true", "x"]
LABEL b=2 a=1
EXPOSE 80 53/udp
VOLUME /data
USER nobody
STOPSIGNAL SIGINT
SHELL ["/bin/ash", "-c"]
HEALTHCHECK --interval=5s --retries=3 CMD true
ENTRYPOINT ["./hello.sh"]
CMD one two
`,
  );
  expect(names(result)).toEqual([
    "[1/5] FROM docker.io/library/busybox:latest",
    "[2/5] WORKDIR /app",
    "[internal] load build context",
    "[3/5] COPY --chown=1:2 hello.sh .",
    "[4/5] RUN echo hello world '$A'",
    '[5/5] RUN ["/bin/true", "x"]',
  ]);
  expect(history(result)).toEqual([
    "base",
    "ARG A=b",
    "ENV GREETING=hello world X=b",
    "WORKDIR /app +",
    "COPY --chown=1:2 hello.sh . # buildkit +",
    "RUN |1 A=b /bin/sh -c echo $GREETING '$A' # buildkit +",
    "RUN |1 A=b /bin/true x # buildkit +",
    "LABEL b=2 a=1",
    "EXPOSE [53/udp 80/tcp]",
    "VOLUME [/data]",
    "USER nobody",
    "STOPSIGNAL SIGINT",
    "SHELL [/bin/ash -c]",
    `HEALTHCHECK &{["CMD-SHELL" "true"] "5s" "0s" "0s" "0s" '\\x03'}`,
    'ENTRYPOINT ["./hello.sh"]',
    'CMD ["/bin/ash" "-c" "one two"]',
  ]);
  expect(result.image.config).toEqual({
    Env: ["PATH=/bin", "GREETING=hello world", "X=b"],
    Cmd: ["/bin/ash", "-c", "one two"],
    ArgsEscaped: true,
    Entrypoint: ["./hello.sh"],
    ExposedPorts: { "53/udp": {}, "80/tcp": {} },
    Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 5e9, Retries: 3 },
    Labels: { a: "1", b: "2" },
    OnBuild: [],
    Shell: ["/bin/ash", "-c"],
    StopSignal: "SIGINT",
    User: "nobody",
    Volumes: { "/data": {} },
    WorkingDir: "/app",
  });
});

test("stages that the target does not need are not in the graph", async () => {
  const text = `FROM busybox AS a
RUN a
FROM busybox AS b
RUN b
FROM scratch
COPY --from=a /x /y
COPY --from=0 /x /z
`;
  expect(names(await lowered(text))).toEqual([
    "",
    "[a 1/2] FROM docker.io/library/busybox:latest",
    "[a 2/2] RUN a",
    "[stage-2 1/2] COPY --from=a /x /y",
    "[stage-2 2/2] COPY --from=0 /x /z",
  ]);
  expect(names(await lowered(text, { target: "B" })).at(-1)).toBe("[b 2/2] RUN b");
});

test("equal steps of two stages are one vertex", async () => {
  const { graph } = await lowered("FROM busybox AS a\nRUN x\nFROM busybox\nRUN x\nCOPY --from=a / /\n");
  expect([...graph.values()].map(({ op }) => op.kind)).toEqual(["image", "exec", "copy"]);
});

test("a comment does not change a vertex, an argument that is in scope does", async () => {
  const output = async (text: string): Promise<string> => (await lowered(text)).output;
  expect(await output("FROM busybox\n# hi\nRUN x\n")).toBe(await output("FROM busybox\nRUN x\n"));
  expect(await output("FROM busybox\nARG A=1\nRUN x\n")).not.toBe(await output("FROM busybox\nRUN x\n"));
});

test("ENTRYPOINT drops the base's CMD, not one of this Dockerfile", async () => {
  const cmd = async (text: string): Promise<unknown> => (await lowered(`FROM busybox\n${text}`)).image.config.Cmd;
  expect(await cmd('ENTRYPOINT ["x"]')).toBeUndefined();
  expect(await cmd('CMD ["y"]\nENTRYPOINT ["x"]')).toEqual(["y"]);
  expect(await cmd("ENV a=b")).toEqual(["sh"]);
});

test("arguments come from the command line, the default, or the global scope", async () => {
  const text = "ARG V=1\nARG W\nFROM busybox\nARG V\nARG W=2\nARG X\nARG TARGETARCH\nRUN x\n";
  const { graph, output } = await lowered(text, { buildArgs: new Map([["X", "3"]]) });
  const op = graph.get(output)?.op;
  expect(op?.kind === "exec" ? op.env : []).toEqual(["PATH=/bin", "V=1", "W=2", "X=3", "TARGETARCH=amd64"]);
});

test("triggers of the base run first, and are gone from the image", async () => {
  const result = await lowered("FROM busybox\nRUN own\n", { base: { OnBuild: ["RUN trigger"] } });
  expect(names(result).slice(1)).toEqual(["[2/3] ONBUILD RUN trigger", "[3/3] RUN own"]);
  expect(result.image.config.OnBuild).toEqual([]);
});

test("a here-document is the command, or a script when it names an interpreter", async () => {
  const plain = await lowered("FROM busybox\nRUN <<EOF\necho a\necho b\nEOF\n");
  const vertex = plain.graph.get(plain.output);
  expect(vertex?.name).toBe("[2/2] RUN <<EOF (echo a...)");
  expect(vertex?.op).toMatchObject({ args: ["/bin/sh", "-c", "echo a\necho b\n"], scripts: [] });
  const script = await lowered("FROM busybox\nRUN <<EOF\n#!/usr/bin/env x\nEOF\n");
  expect(script.graph.get(script.output)?.op).toMatchObject({
    args: ["/bin/sh", "-c", "/dev/pipes/EOF"],
    scripts: [{ name: "EOF", data: "#!/usr/bin/env x\n" }],
  });
});

test.each([
  ["WORKDIR /a/", "/a/"],
  ["WORKDIR /a//b/./", "/a//b/./"],
  ["WORKDIR /a/\nWORKDIR b/", "/a/b"],
  ["WORKDIR $UNSET/a/", "/a/"],
  ["WORKDIR a/", "/a"],
  ["WORKDIR /a/\nWORKDIR $UNSET", "/a/"],
])("%j leads to %s", async (steps, directory) => {
  expect((await lowered(`FROM busybox\n${steps}\n`)).image.config.WorkingDir).toBe(directory);
});

test("a mount's owner may come from an argument", async () => {
  const steps = "ARG ID=7\nRUN --mount=type=cache,target=/c,uid=$ID,gid=$ID x\n";
  const { graph, output } = await lowered(`FROM busybox\n${steps}`);
  expect(graph.get(output)?.op).toMatchObject({ mounts: [{ type: "cache", uid: 7, gid: 7 }] });
});

test("a copy's mode may be one in words", async () => {
  const { graph, output, image } = await lowered("FROM busybox\nCOPY --chmod=u=rwX,go-w a b\n");
  expect(graph.get(output)?.op).toMatchObject({ mode: "u=rwX,go-w" });
  expect(image.history.at(-1)?.entry.created_by).toBe("COPY --chmod=u=rwX,go-w a b # buildkit");
});

test.each([
  ["FROM a AS x\nCOPY --from=y a b\nFROM a AS y\nCOPY --from=x a b\n", "circular dependency detected on stage: x", 4],
  ["FROM a AS x\nCOPY --from=x a b\n", "circular dependency detected on stage: x", 2],
  ["FROM busybox\nCOPY --from=7 a b\n", "invalid stage index 7", 2],
  ["FROM busybox AS a\nCOPY --from=b x y\nFROM busybox AS b\n", "target", 0],
  ["FROM $NOTHING\n", "base name ($NOTHING) should not be blank", 1],
  ["FROM busybox\nSTOPSIGNAL nope\n", "invalid signal: nope", 2],
  ["FROM busybox\nEXPOSE x\n", "invalid containerPort: x", 2],
  ["FROM busybox\nCOPY --chmod=999 a b\n", "invalid chmod parameter: '999'", 2],
  ["FROM busybox\nRUN --mount=type=tmpfs,target=/ x\n", 'invalid mount target "/"', 2],
  ["FROM busybox AS a\nFROM B:\nFROM a\n", 'failed to parse stage name "B:": invalid reference format', 2],
  ["ARG A\nFROM --platform=linux/$A busybox\n", "failed to parse platform linux/$A: ", 2],
  [
    "FROM --platform=a/b/c/d busybox\n",
    'failed to parse platform a/b/c/d: "a/b/c/d": cannot parse platform specifier',
    1,
  ],
])("%j is refused", async (text, message, line) => {
  const promise = lowered(text, message === "target" ? { target: "a" } : {});
  const expected = message === "target" ? "cannot copy from stage" : message;
  await expect(promise).rejects.toThrow(expected);
  if (line > 0) await expect(promise).rejects.toMatchObject({ span: { start: line } });
});

test("an unknown target is named", async () => {
  await expect(lowered("FROM busybox AS build\n", { target: "biuld" })).rejects.toThrow(
    'target stage "biuld" could not be found (did you mean build?)',
  );
});

test("build arguments that nothing declares are told", async () => {
  const buildArgs = new Map([
    ["FOO", "1"],
    ["http_proxy", "x"],
  ]);
  const { warnings } = await lowered("FROM busybox\n", { buildArgs });
  expect(warnings).toEqual(["One or more build-args [FOO] were not consumed"]);
});

test("a step has the host's network only where the build allows it", async () => {
  const text = "FROM busybox\nRUN --network=host true\n";
  await expect(lowered(text)).rejects.toMatchObject({ message: "failed to load LLB: network.host is not allowed" });
  expect([...(await lowered(text, { allowsHostNetwork: true })).graph.values()].at(-1)?.op).toMatchObject({
    network: "host",
  });
});

test("a step has every privilege only where the build allows it, and is another step then", async () => {
  const text = "FROM busybox\nRUN --security=insecure true\n";
  const message = "failed to load LLB: security.insecure is not allowed";
  const opOf = ({ graph }: Lowered) => [...graph.values()].at(-1)?.op;
  await expect(lowered(text)).rejects.toMatchObject({ message });
  const allowed = { entitlements: parseEntitlements(["security.insecure"]) };
  expect(opOf(await lowered(text, allowed))).toMatchObject({ security: "insecure" });
  expect(opOf(await lowered(text.replace("insecure", "sandbox"), allowed))).not.toHaveProperty("security");
});

test("a secret and an agent lie where their targets say, seen from the working directory", async () => {
  const at = (type: string, target: string): string => `--mount=type=${type},target=${target}`;
  const flags = ["/a/b", "c"].flatMap((target) => [at("secret", target), at("ssh", target)]);
  const text = `FROM busybox\nWORKDIR /w\nRUN ${flags.join(" ")} true\n`;
  expect([...(await lowered(text)).graph.values()].at(-1)?.op).toMatchObject({
    mounts: ["/a/b", "/a/b", "/w/c", "/w/c"].map((target) => ({ target })),
  });
});

test("ssh agents of a step have sockets of their own, and no source", async () => {
  const text =
    "FROM busybox\nWORKDIR /w\nRUN --mount=type=ssh --mount=type=ssh,id=b,target=s,mode=666,uid=5,required true\n";
  expect([...(await lowered(text)).graph.values()].at(-1)?.op).toMatchObject({
    mounts: [
      { type: "ssh", id: "default", target: "/run/buildkit/ssh_agent.0", required: false, mode: 0o600, uid: 0, gid: 0 },
      { type: "ssh", id: "b", target: "/w/s", required: true, mode: 0o666, uid: 5, gid: 0 },
    ],
  });
  const refused = lowered("FROM busybox\nRUN --mount=type=ssh,source=/a true\n");
  await expect(refused).rejects.toMatchObject({ message: "ssh does not support source" });
});

test("a stage's platform goes for its image, for what is copied from images, and for stages that stand on it", async () => {
  const text = "FROM --platform=linux/s390x a AS x\nCOPY --from=b / /\nFROM x\nCOPY --from=c / /\nCOPY --from=y / /y\n";
  const asked: string[] = [];
  const resolveImage: LowerOptions["resolveImage"] = async (name, wanted = platform) => {
    asked.push(`${name} ${wanted.architecture}`);
    const rootfs = { type: "layers" as const, diff_ids: [chainID] };
    return { id: digestOf(name), chainID, name, config: { ...wanted, rootfs } };
  };
  const { image } = await lowered(`FROM a AS y\n${text}`, { resolveImage });
  expect(asked.sort()).toEqual(["a amd64", "a s390x", "b s390x", "c s390x"]);
  expect(image.platform).toEqual({ os: "linux", architecture: "s390x" });
});
