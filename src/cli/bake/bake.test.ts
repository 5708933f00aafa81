import { describe, expect, test } from "vitest";
import { buildArguments } from "./arguments.ts";
import { listText, parseList } from "./list.ts";
import { prefixed } from "./prefixed.ts";
import { parseAllowed } from "./privileges.ts";

describe("a target as a command line of build", () => {
  const plain = { context: ".", dockerfile: "Dockerfile" };

  test("says only what the target says", () => {
    expect(buildArguments(plain)).toEqual(["--", "."]);
  });

  test("says each field by its flag", () => {
    const words = buildArguments({
      ...plain,
      context: "dir",
      dockerfile: "D",
      args: { A: "1", B: null },
      labels: { l: "x" },
      contexts: { base: "target:b", here: "cwd://x" },
      tags: ["t"],
      target: "s",
      platforms: ["linux/amd64", "linux/arm64"],
      secret: [{ id: "i", src: "a,b" }],
      ssh: [{ id: "default" }, { id: "k", paths: ["p", "q"] }],
      output: [{ dest: "o", type: "local" }],
      "cache-from": [{ ref: "r", type: "registry" }],
      attest: [{ type: "sbom" }, { type: "provenance", disabled: "true" }],
      "extra-hosts": { h: "1.1.1.1" },
      resources: { memory: "1g" },
      "no-cache": true,
      pull: false,
      network: "none",
    });
    expect(words).toEqual([
      "--build-arg=A=1",
      "--label=l=x",
      "--build-context=base=target:b",
      "--build-context=here=x",
      "--add-host=h=1.1.1.1",
      "--tag=t",
      "--platform=linux/amd64,linux/arm64",
      "--cache-from=type=registry,ref=r",
      "--output=type=local,dest=o",
      "--attest=type=sbom",
      "--attest=type=provenance,disabled=true",
      '--secret=id=i,"src=a,b"',
      "--ssh=default",
      "--ssh=k=p,q",
      "--target=s",
      "--network=none",
      "--memory=1g",
      "--no-cache",
      "--file=dir/D",
      "--",
      "dir",
    ]);
  });

  test.each([
    [{ dockerfile: "/abs/D" }, "--file=/abs/D"],
    [{ dockerfile: "cwd://D", context: "dir" }, "--file=D"],
    [{ dockerfile: "D", context: "https://host/c.tar" }, "--file=D"],
  ])("finds the Dockerfile of %j", (fields, expected) => {
    expect(buildArguments({ ...plain, ...fields })).toContain(expected);
  });
});

describe("lists", () => {
  const config = {
    targets: [{ name: "b", description: "The <b>" }, { name: "a" }, { name: "_private" }],
    groups: [
      { name: "default", targets: ["b", "a"] },
      { name: "g", description: "a group", targets: ["a"] },
    ],
    variables: [
      { name: "LONG_NAME", type: "list of string", value: '["x"]' },
      { name: "A", description: "the A" },
    ],
  };

  test.each([
    ["targets", "TARGET\tDESCRIPTION\na\t\nb\tThe <b>\ndefault\ta, b\ng\ta group (a)\n"],
    ["variables", 'VARIABLE\tTYPE\t\tVALUE\tDESCRIPTION\nA\t\t\t\t<null>\tthe A\nLONG_NAME\tlist of string\t["x"]\t\n'],
    [
      "type=variables,format=json",
      '[\n  {\n    "name": "A",\n    "description": "the A"\n  },\n  {\n    "name": "LONG_NAME",\n    "type": "list of string",\n    "value": "[\\"x\\"]"\n  }\n]\n',
    ],
  ])("--list=%s", (given, expected) => {
    expect(listText(config, parseList(given))).toBe(expected);
  });

  test.each([
    ["nope", 'ERROR: invalid list type "nope"'],
    ["type=targets,format=xml", 'ERROR: invalid list format "xml"'],
    ["type=targets,x=y", "ERROR: unexpected key 'x' in 'x=y'"],
    ["targets,x", "ERROR: invalid value targets"],
  ])("--list=%s is refused", (given, message) => {
    expect(() => parseList(given)).toThrow(message);
  });
});

test("steps of several targets have the target's name in front", () => {
  const seen: unknown[] = [];
  const report = prefixed((event) => seen.push(event), "app");
  report({ kind: "step", id: "1", name: "[2/4] RUN make", status: "started" });
  report({ kind: "step", id: "2", name: "exporting to image", status: "started" });
  report({ kind: "status", id: "1", name: "resolve x", duration: 0 });
  expect(seen).toEqual([
    { kind: "step", id: "app 1", name: "[app 2/4] RUN make", status: "started" },
    { kind: "step", id: "app 2", name: "[app] exporting to image", status: "started" },
    { kind: "status", id: "app 1", name: "resolve x", duration: 0 },
  ]);
});

test.each([
  ["nope", 'ERROR: unknown entitlement key "nope"'],
  ["image=x", "ERROR: berth has no image yet"],
])("--allow=%s is refused", (given, message) => {
  expect(() => parseAllowed([given])).toThrow(message);
});
