import { expect, test } from "vitest";
import { openLinter } from "../dockerfile/linter.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import { digestOf } from "../oci/digest.ts";
import { dockerfileFrontend } from "./dockerfile/frontend.ts";
import { lower } from "./lower.ts";

async function lowered(instruction: string) {
  const linter = openLinter([]);
  const result = await lower(dockerfileFrontend(parseDockerfile(`FROM scratch\nARG V=1\n${instruction}\n`)), {
    linter,
    ignores: (path) => path === "left.out",
    buildArgs: new Map(),
    platform: { os: "linux", architecture: "amd64" },
    network: "default",
    allowsHostNetwork: false,
    resolveImage: async (name) => Promise.reject(new Error(name)),
  });
  return { ...result, diagnostics: linter.diagnostics };
}

const sum = digestOf("content");

test("sources that are fetched are vertices of their own, beside the context", async () => {
  const line = "ADD --unpack https://a:b@host/x/f%20[1].tar?q=$V file git@host:repo.git#v$V:sub /d/";
  const { graph, output, image } = await lowered(line);
  const vertices = [...graph.values()];
  const copy = graph.get(output);
  expect(copy?.op).toMatchObject({
    sources: ["/file/f \\[1].tar", "/file", "/"],
    origins: [
      { input: 2, unpack: true },
      { input: 1, unpack: true },
      { input: 3, unpack: false },
    ],
  });
  const kinds = copy?.inputs.map((input) => graph.get(input)?.op.kind);
  expect(kinds).toEqual(["scratch", "context", "http", "git"]);
  expect(vertices.find(({ op }) => op.kind === "http")?.op).toMatchObject({
    url: "https://a:b@host/x/f%20[1].tar?q=1",
    name: "f [1].tar",
  });
  expect(vertices.find(({ op }) => op.kind === "git")?.op).toMatchObject({ ref: "v1", subdir: "sub" });
  const shown = "https://xxxxx:xxxxx@host/x/f%20[1].tar?q=1 file git@host:repo.git#v1:sub /d/";
  expect(image.history.at(-1)?.entry.created_by).toBe(`ADD ${shown} # buildkit`);
  expect(copy?.name).toBe(`[1/1] ADD --unpack ${shown}`);
});

test("a remote archive is not unpacked, unless --unpack asks for it; the context isn't needed for it", async () => {
  const { graph, output } = await lowered("ADD http://host/ http://host/a.tar /d/");
  expect(graph.get(output)?.op).toMatchObject({
    sources: ["/file/__unnamed__", "/file/a.tar"],
    origins: [{ unpack: false }, { unpack: false }],
  });
  expect([...graph.values()].some(({ op }) => op.kind === "context")).toBe(false);
});

test.each([
  ["http://host/a%2Fb", "b"],
  ["http://host/a/..%2F..", "download"],
  ["http://host/%00", "download"],
  [`http://host/${"x".repeat(256)}`, "download"],
  ["http://host/a/b/", "b"],
])("%s is a file named %s", async (url, name) => {
  const { graph } = await lowered(`ADD ${url} /d/`);
  expect([...graph.values()].find(({ op }) => op.kind === "http")?.op).toMatchObject({ name });
});

test("sources that are fetched are no paths for the linter", async () => {
  expect((await lowered("ADD http://host/left.out left.out /")).diagnostics).toHaveLength(1);
});

test.each([
  ["COPY https://host/x /", "source can't be a URL for COPY"],
  ["COPY https://host/x.git /", "source can't be a git ref for COPY"],
  ["COPY git@host:x /", "source can't be a git ref for COPY"],
  [`ADD --checksum=${sum} a b /`, "checksum can't be specified for multiple sources"],
  [`ADD --checksum=${sum} a /`, "checksum requires HTTP(S) or Git sources"],
  ["ADD --checksum=abc http://host/x /", "invalid checksum digest format"],
  ["ADD --checksum=md5:abc http://host/x /", "unsupported digest algorithm"],
  ["ADD --checksum=sha256:abc http://host/x /", "invalid checksum digest length"],
  ["ADD --checksum=main https://host/x.git /", "invalid checksum main for Git URL, expected hex commit hash"],
  ["ADD --checksum=abc https://host/x.git?checksum=abd /", 'checksum mismatch "abc" != "abd"'],
  ["ADD --keep-git-dir https://host/x.git?keep-git-dir=0 /", "inconsistent keep-git-dir configuration"],
  ["ADD https://host/x.git?nosuch=1 /", 'unexpected query "nosuch"'],
  ["ADD http://u:p@[/x /", 'parse "http://xxxxx:xxxxx@[/x": invalid URL'],
])("%s is refused", async (instruction, message) => {
  await expect(lowered(instruction)).rejects.toThrow(message);
});
