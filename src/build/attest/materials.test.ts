import { expect, test } from "vitest";
import { digestOf, hexOf } from "../../oci/digest.ts";
import { GraphBuilder } from "../graph.ts";
import { contextMaterial, fetchedMaterials, imageMaterials } from "./materials.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";

test("an image is told by its package URL, with the registry's digest, or else its ID", () => {
  const config = {
    os: "linux",
    architecture: "arm64",
    variant: "v8",
    rootfs: { type: "layers", diff_ids: [] },
  } as const;
  const [id, digest] = [digestOf("id"), digestOf("digest")];
  const image = { id, chainID: undefined, config };
  expect(
    imageMaterials([
      { ...image, name: `docker.io/library/debian:12@${digest}`, digest },
      { ...image, name: "registry.example.org/team/base:1" },
    ]),
  ).toEqual([
    {
      uri: `pkg:docker/debian@12?digest=sha256:${hexOf(digest)}&platform=linux%2Farm64%2Fv8`,
      digest: { sha256: hexOf(digest) },
    },
    {
      uri: "pkg:docker/registry.example.org/team/base@1?platform=linux%2Farm64%2Fv8",
      digest: { sha256: hexOf(id) },
    },
  ]);
});

test("what was fetched is told without credentials, with a digest where one is known", () => {
  const builder = new GraphBuilder();
  const about = { name: "" };
  const checksum = digestOf("file");
  builder.add({ kind: "http", url: "https://user:word@host/file", name: "file", checksum }, [], about);
  builder.add({ kind: "http", url: "https://host/other", name: "other" }, [], about);
  const git = { kind: "git", scheme: "https", remote: "https://token@host/x.git" } as const;
  for (const subdir of ["", "a"]) builder.add({ ...git, ref: commit, subdir }, [], about);
  builder.add({ ...git, ref: "main", subdir: "" }, [], about);
  expect(fetchedMaterials(builder.graph)).toEqual([
    { uri: "https://xxxxx:xxxxx@host/file", digest: { sha256: hexOf(checksum) } },
    { uri: "https://host/other" },
    { uri: `https://xxxxx@host/x.git#${commit}`, digest: { sha1: commit } },
    { uri: "https://xxxxx@host/x.git#main" },
  ]);
});

test.each([
  ["https://user:word@host/context.tar", { uri: "https://xxxxx:xxxxx@host/context.tar" }],
  [`https://host/x.git#${commit}:sub`, { uri: `https://host/x.git#${commit}`, digest: { sha1: commit } }],
  ["directory", undefined],
  ["github.com/x/y", { uri: "https://github.com/x/y" }],
  [".", undefined],
  [{}, undefined],
])("the context %j", (context, expected) => {
  expect(contextMaterial(context)).toEqual(expected);
});
