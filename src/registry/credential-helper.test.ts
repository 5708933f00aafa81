import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { scratchOfFile } from "../base/testing.ts";
import { type CredentialHelper, credentialHelper } from "./credential-helper.ts";

const directory = scratchOfFile("helper");
const env = { PATH: `${directory}:${process.env["PATH"]}`, DIRECTORY: directory };

/** A helper that is a shell script; its arguments and input are in the files `verb` and `input` afterwards. */
function helper(name: string, script: string, patience?: number): CredentialHelper {
  const path = join(directory, `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\necho "$*" > "$DIRECTORY/verb"\ncat > "$DIRECTORY/input"\n${script}\n`);
  chmodSync(path, 0o755);
  return credentialHelper(name, { env, ...(patience === undefined ? {} : { patience }) });
}
const input = (): string => readFileSync(join(directory, "input"), "utf8");
const verb = (): string => readFileSync(join(directory, "verb"), "utf8").trim();

test("get asks by the key, and takes the name and the secret", async () => {
  const asked = helper("get", `echo '{"ServerURL":"host","Username":"me","Secret":"secret"}'`);
  expect(await asked.get("host")).toEqual({ username: "me", password: "secret" });
  expect([verb(), input()]).toEqual(["get", "host"]);
});

test("the user <token> stands for an identity token, both ways", async () => {
  const asked = helper("token", `echo '{"ServerURL":"host","Username":"<token>","Secret":"secret"}'`);
  expect(await asked.get("host")).toEqual({ identityToken: "secret" });
  await asked.store("host", { username: "me", identityToken: "secret" });
  expect(JSON.parse(input())).toEqual({ ServerURL: "host", Username: "<token>", Secret: "secret" });
});

test("store and erase give what they are about on standard input alone", async () => {
  const asked = helper("store", "");
  await asked.store("host", { username: "me", password: "secret" });
  expect([verb(), JSON.parse(input())]).toEqual(["store", { ServerURL: "host", Username: "me", Secret: "secret" }]);
  await asked.erase("host");
  expect([verb(), input()]).toEqual(["erase", "host"]);
});

test("what a helper doesn't have is no failure", async () => {
  const asked = helper("none", `echo "credentials not found in native keychain"; exit 1`);
  expect(await asked.get("host")).toBeUndefined();
  await asked.erase("host");
  expect(await helper("empty", `echo '{"ServerURL":"","Username":"","Secret":""}'`).get("host")).toBeUndefined();
});

test.each([
  ["fails", "echo out; exit 1", "error getting credentials - err: exit status 1, out: `out`"],
  ["complains", "echo why >&2; exit 3", "error getting credentials - err: exit status 3: why, out: ``"],
  ["dies", "kill -9 $$", "error getting credentials - err: signal 9, out: ``"],
  ["says-nothing", "", undefined],
  [
    "is-no-json",
    "echo secret",
    "error getting credentials: docker-credential-is-no-json didn't answer with credentials",
  ],
  ["is-a-list", "echo '[]'", "error getting credentials: docker-credential-is-a-list didn't answer with credentials"],
  ["is-odd", `echo '{"Username":1,"Secret":"secret"}'`, /didn't answer with credentials$/],
  ["is-endless", "yes", /more than 1048576 bytes of output/],
])("a helper that %s", async (name, script, message) => {
  const answer = helper(name, script).get("host");
  if (message === undefined) expect(await answer).toBeUndefined();
  else await expect(answer).rejects.toThrow(message);
});

test.each(["get", "erase"] as const)("what a helper answers to %s and fails is nowhere in the error", async (call) => {
  const answers = helper(
    "answers",
    `echo '{"ServerURL":"host","Username":"me","Secret":"hunter2"}' | tee /dev/stderr; exit 1`,
  );
  const error = await answers[call]("host").catch((each: unknown) => each);
  expect(inspect(error)).toContain("exit status 1");
  expect(inspect(error)).not.toContain("hunter2");
});

test("a helper that says what it was told doesn't say the secret", async () => {
  const told = helper("echo", `cat "$DIRECTORY/input"; cat "$DIRECTORY/input" >&2; exit 3`);
  const error = await told.store("host", { username: "me", password: 'a "secret"' }).catch((each: unknown) => each);
  expect(String(error)).toContain("out: `(not shown: it may be the credentials)`");
  expect(inspect(error, { depth: null })).not.toContain("secret\\");
});

test("a helper that doesn't end is ended", async () => {
  const answer = helper("stall", "exec sleep 60", 200).get("host");
  await expect(answer).rejects.toThrow("error getting credentials - err: no answer after 0.2 s, out: ``");
});

test("a helper that isn't installed is named, with a hint", async () => {
  const answer = credentialHelper("nosuch", { env }).get("host");
  await expect(answer).rejects.toMatchObject({
    message:
      'error getting credentials - err: exec: "docker-credential-nosuch": executable file not found in $PATH, out: ``',
    hint: expect.stringContaining("docker-credential-nosuch"),
  });
  expect(() => credentialHelper("../x", { env })).toThrow("has a slash");
});

test("a caller's signal ends it, with the caller's reason", async () => {
  const reason = new Error("stop");
  await expect(helper("stopped", "exec sleep 60").get("host", { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
});
