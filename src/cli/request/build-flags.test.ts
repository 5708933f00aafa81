import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parseFlags } from "../flags/parse.ts";
import { type BuildValues, buildFlags, buildOptions, missingBuildFlags } from "./build-flags.ts";

type User = Readonly<Record<string, string>>;

function options(words: readonly string[], user: User = {}): ReturnType<typeof buildOptions> {
  const { values } = parseFlags({ ...missingBuildFlags, ...buildFlags }, words, { interspersed: true });
  return buildOptions(values as unknown as BuildValues, user);
}

function secrets(word: string, user: User = {}): Readonly<Record<string, string>> {
  const given = options(["--secret", word], user).secrets ?? new Map();
  return Object.fromEntries([...given].map(([id, content]) => [id, Buffer.from(content).toString()]));
}

test("--resource sets the limits of docker build's own flags, the last of each", () => {
  const words = ["--memory", "1g", "--resource", "memory=64m", "--resource=cpu-shares = 5", "--resource=cpuset-cpus=0"];
  expect(options(words).resources).toEqual({ memory: 64 * 2 ** 20, cpuShares: 5, cpusetCpus: "0" });
  expect(options(["-m", "1g", "--resource", "memory=0"]).resources).toEqual({});
});

test.each([
  ["--resource=memory", 'invalid resource "memory", expected key=value'],
  ["--resource=pids=1", 'unknown resource "pids"'],
  ["--resource=cpu-quota=a", 'invalid value "a" for resource cpu-quota: strconv.ParseInt: parsing "a": invalid syntax'],
  ["--build-arg=", 'invalid key-value pair "": empty key'],
  ["--build-arg==x", 'invalid key-value pair "=x": empty key'],
  ["--secret=src=a", "secret missing ID"],
  ["--secret=id=a,file=b", "unexpected key 'file' in 'file=b'"],
  ["--secret=id=a,type=vault", 'unsupported secret type "vault"'],
  ["--secret=id", "invalid field 'id' must be a key=value pair"],
  ["--isolation=hyperv", "Linux has one isolation, the default"],
  ["--squash", "berth has a layer for each step"],
  ["--policy=p", "berth doesn't check policies"],
])("%s is refused: %s", (word, message) => {
  expect(() => options([word])).toThrow(message);
});

test("flags that ask for what is so anyway are taken", () => {
  expect(options(["--isolation=default", "--squash=false"])).toEqual(options([]));
});

test("a secret is a variable or a file: named, or called as the secret is", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "a,b");
  writeFileSync(file, "of the file");
  const user = { T: "of the variable" };
  expect(secrets("id=x,env=T", user)).toEqual({ x: "of the variable" });
  expect(secrets("type=env,id=x,src=T", user)).toEqual({ x: "of the variable" });
  expect(secrets("id=T", user)).toEqual({ T: "of the variable" });
  expect(secrets(`id=x,"src=${file}"`)).toEqual({ x: "of the file" });
  expect(secrets(`"id=${file}"`)).toEqual({ [file]: "of the file" });
  expect(() => secrets("id=gone")).toThrow("ERROR: failed to stat gone: stat gone: no such file or directory");
});

test("a secret whose variable isn't set is none, for steps that require it to miss", () => {
  expect(secrets("id=x,env=UNSET")).toEqual({});
});
