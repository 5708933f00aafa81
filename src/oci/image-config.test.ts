import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import { parseImageConfig } from "./image-config.ts";

const rootfs = { type: "layers", diff_ids: [digestOf("")] };
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test("what a program in Go writes as null is absent", () => {
  const config = { os: "linux", architecture: "amd64", rootfs, config: { Env: null, Labels: null, Cmd: ["a"] } };
  expect(parseImageConfig(bytes({ ...config, history: null }))).toEqual({ ...config, config: { Cmd: ["a"] } });
});

test.each([
  ["null", null],
  ["a list", []],
  ["no rootfs", { os: "linux", architecture: "amd64", rootfs: null }],
  ["a layer that is null", { os: "linux", architecture: "amd64", rootfs: { diff_ids: [null] } }],
  ["a layer that is no digest", { os: "linux", architecture: "amd64", rootfs: { diff_ids: ["sha256:1"] } }],
  ["no system", { architecture: "amd64", rootfs }],
])("%s is no image config", (_, value) => {
  expect(() => parseImageConfig(bytes(value))).toThrow("invalid image config: os, architecture or rootfs");
});

test("a config deeper than the stack is refused", () => {
  const deep = `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
  expect(() => parseImageConfig(Buffer.from(deep))).toThrow(/^JSON nested more than \d+ deep is refused$/);
});

test("a command that is a text is a list of it, as Docker reads it", () => {
  const config = { Cmd: "a b", Entrypoint: "c", Shell: "d", Labels: { Cmd: "e" } };
  const read = parseImageConfig(bytes({ os: "linux", architecture: "amd64", rootfs, config }));
  expect(read.config).toEqual({ Cmd: ["a b"], Entrypoint: ["c"], Shell: ["d"], Labels: { Cmd: "e" } });
});
